// The sessions of one replica as the database sees them, many to a statement: which still stand, when they were heard, and
// which ended. It holds no connections and ends none.
import { type Kysely, sql } from 'kysely';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from '../store/schema.ts';
import type { DeviceRef, DeviceStanding } from './devices.ts';

/** A session by its device and epoch. */
export interface SessionRef extends DeviceRef {
  readonly epoch: number;
}

/** A session that stands no more, and why. */
export interface FallenSession extends SessionRef {
  /**
   * superseded: a newer one has `newEpoch`. recovered: all sessions were ended when the database was recovered. removed: its device
   * was removed, or is being removed.
   */
  readonly why: 'superseded' | 'recovered' | 'removed' | Exclude<DeviceStanding, 'active'>;
  readonly newEpoch: number;
  /** The start of the edge's process that the newer session belongs to; empty when that is not known. */
  readonly newBoot: string;
}

/** Sessions per statement. */
const BATCH = 2_000;

export class DeviceSessions {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** Of these sessions, those that stand no more. */
  async fallen(sessions: readonly SessionRef[]): Promise<FallenSession[]> {
    const found: FallenSession[] = [];
    for (const batch of batches(sessions)) {
      const { rows } = await inStore(() =>
        sql<Found>`
          select mine.tenant, mine.id, mine.epoch, d.session_epoch as now, d.boot_id as boot,
            case when d.state = 'suspended' and r.id is not null then 'removed' else d.state end as state,
            d.session_epoch <= (select epoch_base from control_state) as raised
          from unnest(${batch.tenants}::text[], ${batch.ids}::text[], ${batch.epochs}::bigint[]) as mine (tenant, id, epoch)
          left join device d on d.tenant = mine.tenant and d.id = mine.id
          left join removed_device r on r.tenant = mine.tenant and r.id = mine.id
          where d.id is null or d.session_epoch <> mine.epoch or d.state <> 'active'`.execute(this.#db),
      );
      for (const row of rows) found.push(judge(row));
    }
    return found;
  }

  /** Notes that these were heard just now. One that stands no more is left alone. */
  async seen(sessions: readonly SessionRef[]): Promise<void> {
    for (const batch of batches(sessions)) await this.#update(batch, sql`last_seen = now()`);
  }

  /** Their devices are on no replica any more, but for those that have a newer session. */
  async ended(sessions: readonly SessionRef[]): Promise<void> {
    for (const batch of batches(sessions)) await this.#update(batch, sql`replica = null, last_seen = now()`);
  }

  /** Rows are locked in order, because replicas may write overlapping sets. */
  async #update({ tenants, ids, epochs }: Batch, set: ReturnType<typeof sql>): Promise<void> {
    await inStore(() =>
      sql`
        with mine as (
          select d.tenant, d.id from device d
          join unnest(${tenants}::text[], ${ids}::text[], ${epochs}::bigint[]) as asked (tenant, id, epoch)
            on d.tenant = asked.tenant and d.id = asked.id and d.session_epoch = asked.epoch
          order by d.tenant, d.id
          for no key update of d
        )
        update device set ${set} from mine where device.tenant = mine.tenant and device.id = mine.id`.execute(this.#db),
    );
  }
}

interface Found extends SessionRef {
  readonly now: number | null;
  readonly state: DeviceStanding | 'removed' | null;
  readonly boot: string | null;
  /** No session has this epoch: it was raised for all. */
  readonly raised: boolean | null;
}

interface Batch {
  readonly tenants: string[];
  readonly ids: string[];
  readonly epochs: number[];
}

function* batches(sessions: readonly SessionRef[]): Generator<Batch> {
  for (let at = 0; at < sessions.length; at += BATCH) {
    const part = sessions.slice(at, at + BATCH);
    yield {
      tenants: part.map(({ tenant }) => tenant),
      ids: part.map(({ id }) => id),
      epochs: part.map(({ epoch }) => epoch),
    };
  }
}

function judge({ tenant, id, epoch, now, state, boot, raised }: Found): FallenSession {
  const fallen = { tenant, id, epoch, newEpoch: now ?? epoch, newBoot: boot ?? '' };
  if (now === null || state === null) return { ...fallen, why: 'removed' };
  if (state !== 'active') return { ...fallen, why: state };
  return { ...fallen, why: raised ? 'recovered' : 'superseded' };
}
