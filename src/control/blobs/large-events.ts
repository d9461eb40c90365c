// An event store whose large events lie in the blob store: the row holds a reference by hash. Nobody above it or below it sees a difference.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { RunEventSchema } from '../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { KEPT_SINCE } from '../store/event-version.ts';
import type { CommitUnit, EventStore, LoadedEvent, StoredEvent, StreamPart } from '../store/unit.ts';
import type { KeptBlobs } from './kept-blobs.ts';

export interface LargeEventsParts {
  readonly blobs: Pick<KeptBlobs, 'keep' | 'get'>;
  /** Events above this are kept apart. */
  readonly bytes: number;
  /** Whether every live replica knows what came with this version. */
  readonly allKnow: (version: number) => Promise<boolean>;
  readonly log: Pick<Logger, 'warn'>;
}

const KEPT = 'kept';

export function largeEvents(store: EventStore, parts: LargeEventsParts): EventStore {
  return {
    async commit(unit) {
      return store.commit(await lightened(unit, parts));
    },
    outcome: (tenant, source, commandId) => store.outcome(tenant, source, commandId),
    async load(tenant, stream, after) {
      const loaded = await store.load(tenant, stream, after);
      if (!loaded.events.some(({ type }) => type === KEPT)) return loaded;
      const events: LoadedEvent[] = [];
      for (const event of loaded.events) events.push(event.type === KEPT ? await whole(tenant, event, parts) : event);
      return { ...loaded, events };
    },
  };
}

/** The blobs are durable before the unit is committed. Without them, or beside a build that does not know them, events stay whole. */
async function lightened(unit: CommitUnit, parts: LargeEventsParts): Promise<CommitUnit> {
  const isLarge = ({ data }: StoredEvent) => data.length > parts.bytes;
  const large = unit.parts.filter(({ kind, events }) => kind === 'run' && events.some(isLarge));
  if (large.length === 0 || !(await parts.allKnow(KEPT_SINCE))) return unit;
  const light = async (part: StreamPart): Promise<StreamPart> => {
    if (!large.includes(part)) return part;
    const keep = (event: StoredEvent) => (isLarge(event) ? reference(unit.tenant, part.stream, event, parts) : event);
    return { ...part, events: await Promise.all(part.events.map(keep)) };
  };
  try {
    return { ...unit, parts: await Promise.all(unit.parts.map(light)) };
  } catch (error) {
    parts.log.warn('a large event is committed whole, because its blob could not be kept', { why: String(error) });
    return unit;
  }
}

async function reference(
  tenant: string,
  stream: string,
  { data }: StoredEvent,
  { blobs }: LargeEventsParts,
): Promise<StoredEvent> {
  const sha256 = await blobs.keep(tenant, stream, data);
  const event = { case: 'kept', value: { sha256, size: BigInt(data.length) } } as const;
  return { type: KEPT, data: toBinary(RunEventSchema, create(RunEventSchema, { event })) };
}

/** The event itself; where its blob is gone or damaged the reference, which nobody can fold. Throws where the blob store is away. */
async function whole(tenant: string, event: LoadedEvent, { blobs, log }: LargeEventsParts): Promise<LoadedEvent> {
  const { event: kept } = fromBinary(RunEventSchema, event.data);
  if (kept.case !== 'kept') return event;
  const { sha256 } = kept.value;
  try {
    const data = await blobs.get({ tenant, sha256 });
    if (data) return { ...event, data };
    log.warn('the blob of an event is gone', { sha256 });
  } catch (error) {
    if (!(error instanceof AppError && error.reason === 'BLOB_DAMAGED')) throw error;
    log.warn('the blob of an event is damaged', { sha256 });
  }
  return event;
}
