// Runs that were removed: when and why. Retention and the deletion of conversations write it.
import type { Kysely } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from './schema.ts';

export interface RemovedRun {
  readonly id: string;
  /** Who asked, where it was a device. */
  readonly device: string | null;
  readonly why: Schema['removed_run']['why'];
  /** Milliseconds since 1970. */
  readonly removedAt: number;
}

/** Undefined when there was none, or it is forgotten. */
export async function removedRun(db: Kysely<Schema>, tenant: string, id: string): Promise<RemovedRun | undefined> {
  const query = db
    .selectFrom('removed_run')
    .select(['id', 'device', 'why', 'removed_at'])
    .where('tenant', '=', tenant)
    .where('id', '=', id);
  const row = await inStore(() => query.executeTakeFirst());
  return row && { id: row.id, device: row.device, why: row.why, removedAt: row.removed_at.getTime() };
}

/** What is told of a run that is not there. */
export async function missingRun(
  runs: { removed(tenant: string, id: string): Promise<RemovedRun | undefined> },
  tenant: string,
  id: string,
): Promise<AppError> {
  const removed = await runs.removed(tenant, id);
  return removed ? wasRemoved(removed) : new AppError('NOT_FOUND', { kind: 'run' });
}

/** What whoever asks for it is told. */
export const wasRemoved = ({ id, why, removedAt }: RemovedRun): AppError =>
  new AppError('RUN_REMOVED', { run: id, when: new Date(removedAt).toISOString(), why: WHY[why] });

const WHY = {
  age: 'it had ended longer ago than BOWLINE_KEEP_RUNS keeps runs',
  conversation: 'its conversation was deleted',
} as const;
