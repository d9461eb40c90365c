// Runs that were removed: when and why, and what the archive has of them. Retention and the deletion of conversations write it.
import { type Kysely, type Selectable, sql } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { inStore } from '../../base/sql-failure.ts';
import { type ListPage, pageOfRows } from '../../contract/paging.ts';
import { type PageQuery, placeOfRow, readPageQuery } from './page.ts';
import type { Schema } from './schema.ts';

export interface RemovedRun {
  readonly id: string;
  readonly conversation: string | null;
  /** Who asked, where it was a device. */
  readonly device: string | null;
  readonly why: Schema['removed_run']['why'];
  /** Milliseconds since 1970, as the other two. */
  readonly removedAt: number;
  readonly createdAt: number;
  readonly endedAt: number | null;
  /** SHA-256 of what the archive has of it; null for nothing. */
  readonly archive: string | null;
}

/** Who owns the blob of an archived run. */
export const archiveOwner = (run: string): string => `archive/${run}`;

/** Undefined when there was none, or it is forgotten. */
export async function removedRun(db: Kysely<Schema>, tenant: string, id: string): Promise<RemovedRun | undefined> {
  const query = db.selectFrom('removed_run').selectAll().where('tenant', '=', tenant).where('id', '=', id);
  const row = await inStore(() => query.executeTakeFirst());
  return row && toRemoved(row);
}

/** Those that the archive has, newest first. Throws INVALID_ARGUMENT for a page token that is not ours. */
export async function archivedRuns(
  db: Kysely<Schema>,
  tenant: string,
  filter: PageQuery & { readonly conversation?: string | undefined },
): Promise<ListPage<RemovedRun>> {
  const { size, after } = readPageQuery(filter);
  let query = db.selectFrom('removed_run').selectAll().where('tenant', '=', tenant).where('archive', 'is not', null);
  if (filter.conversation !== undefined) query = query.where('conversation', '=', filter.conversation);
  if (after) query = query.where(sql<boolean>`(created_at, id) < (${after.at}::timestamptz, ${after.id}::text)`);
  query = query
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(size + 1);
  return pageOfRows(await inStore(() => query.execute()), size, placeOfRow, toRemoved);
}

function toRemoved(row: Selectable<Schema['removed_run']>): RemovedRun {
  const { id, conversation, device, why, archive } = row;
  const times = { removedAt: row.removed_at.getTime(), createdAt: row.created_at.getTime() };
  return { id, conversation, device, why, archive, ...times, endedAt: row.ended_at?.getTime() ?? null };
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
export const wasRemoved = ({ id, why, removedAt }: Pick<RemovedRun, 'id' | 'why' | 'removedAt'>): AppError =>
  new AppError('RUN_REMOVED', { run: id, when: new Date(removedAt).toISOString(), why: WHY[why] });

const WHY = {
  age: 'it had ended longer ago than BOWLINE_KEEP_RUNS keeps runs',
  conversation: 'its conversation was deleted',
} as const;
