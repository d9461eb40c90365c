// Runs of the archive as the public API shows them.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ListRunsResponse,
  ListRunsResponseSchema,
  type Run,
  RunSchema,
} from '../../../../gen/bowline/control/v1/run_service_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { evolve } from '../../orchestrator/run/evolve.ts';
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import { readRunEvent } from '../../orchestrator/service/event-codec.ts';
import type { RunArchive, WholeRun } from '../../store/archived-run.ts';
import type { PageQuery } from '../../store/page.ts';
import type { RemovedRun } from '../../store/removed-runs.ts';
import type { Runs } from '../../store/runs.ts';
import { runView, withRecorded } from './run-view.ts';

interface Parts {
  readonly stored: Pick<Runs, 'get' | 'removed' | 'archived'>;
  readonly archive: Pick<RunArchive, 'read'>;
}

/** Undefined for a run that was not removed, or that the archive does not have. Throws BLOB_DAMAGED, ARCHIVE_UNREADABLE. */
export async function archivedRun({ stored, archive }: Parts, tenant: string, id: string): Promise<Run | undefined> {
  const removed = await stored.removed(tenant, id);
  if (!removed?.archive) return undefined;
  const kept = await archive.read(tenant, id, removed.archive);
  return kept && viewOf(removed, kept);
}

/** A page of them. Of one that cannot be read, there is what the database knows. */
export async function listArchived(
  { stored, archive }: Parts,
  tenant: string,
  filter: PageQuery & { readonly conversation: string | undefined },
): Promise<ListRunsResponse> {
  const { items, nextPageToken } = await stored.archived(tenant, filter);
  const runs: Run[] = [];
  for (const removed of items) {
    const kept = await archive.read(tenant, removed.id, removed.archive ?? '').catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'data_loss') return undefined;
      throw error;
    });
    runs.push(kept ? { ...runView(kept.run), archiveTime: timestampFromMs(removed.removedAt) } : known(removed));
  }
  return create(ListRunsResponseSchema, { runs, nextPageToken });
}

function viewOf({ removedAt }: RemovedRun, kept: WholeRun): Run {
  const view = runView(kept.run, kept.jobs);
  view.archiveTime = timestampFromMs(removedAt);
  return view.outcome?.failure ? withRecorded(view, folded(kept)) : view;
}

/** Undefined for a history that this version cannot read: the run is shown all the same. */
function folded({ events }: WholeRun): FoldedRun | undefined {
  try {
    return events.map(readRunEvent).reduce<FoldedRun | undefined>((state, event) => evolve(state, event), undefined);
  } catch {
    return undefined;
  }
}

const known = ({ id, conversation, device, createdAt, endedAt, removedAt }: RemovedRun): Run =>
  create(RunSchema, {
    id,
    conversation: conversation ?? '',
    device: device ?? '',
    createTime: timestampFromMs(createdAt),
    ...(endedAt === null ? {} : { endTime: timestampFromMs(endedAt) }),
    archiveTime: timestampFromMs(removedAt),
  });
