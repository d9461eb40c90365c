// Reads the projections of runs and jobs. Only commits write them.
import { type Kysely, type Selectable, sql } from 'kysely';
import { type ListPage, pageOfRows } from '../../contract/paging.ts';
import { guarded } from './guarded.ts';
import { type PageQuery, placeOfRow, readPageQuery } from './page.ts';
import { archivedRuns, type RemovedRun, removedRun } from './removed-runs.ts';
import type { Schema } from './schema.ts';
import type { JobRow, RunRow } from './unit.ts';

export interface RunFilter extends PageQuery {
  readonly conversation?: string;
  /** Only those that are set aside. */
  readonly setAside?: boolean;
  /** Only those of which a call waits for an owner. */
  readonly waitsForOwner?: boolean;
  /** Without calls of methods that list something. */
  readonly withoutListings?: boolean;
}

/** A run as it is read: why it is set aside if it is, and whether a call of it waits for an owner. */
export type StoredRun = RunRow & { readonly setAside?: string; readonly waitsForOwner?: boolean };

export interface Runs {
  get(tenant: string, id: string): Promise<StoredRun | undefined>;
  /** Newest first. Throws INVALID_ARGUMENT for a page token that is not ours. */
  list(tenant: string, filter?: RunFilter): Promise<ListPage<StoredRun>>;
  /** How many runs of a tenant have not ended. */
  countOpen(tenant: string, principal?: string): Promise<number>;
  /** A run that is here no more; undefined when there was none, or it is forgotten. */
  removed(tenant: string, id: string): Promise<RemovedRun | undefined>;
  /** Runs that are here no more and that the archive has, newest first. */
  archived(
    tenant: string,
    filter?: PageQuery & { readonly conversation?: string | undefined },
  ): Promise<ListPage<RemovedRun>>;
  /** Jobs of a run in the order of their creation. */
  jobs(tenant: string, run: string): Promise<JobRow[]>;
}

export function createRuns(db: Kysely<Schema>): Runs {
  return guarded<Runs>({
    async get(tenant, id) {
      const query = db
        .selectFrom('run')
        .selectAll()
        .select([ASIDE, WAITS])
        .where('tenant', '=', tenant)
        .where('id', '=', id);
      const row = await query.executeTakeFirst();
      return row && toRun(row);
    },
    async list(tenant, filter = {}) {
      const { size, after } = readPageQuery(filter);
      let query = db.selectFrom('run').selectAll().select([ASIDE, WAITS]).where('tenant', '=', tenant);
      if (filter.setAside) query = query.where(sql<boolean>`exists (select ${OPEN_ASIDE})`);
      if (filter.waitsForOwner) query = query.where(sql<boolean>`${WAITING}`);
      if (filter.withoutListings) query = query.where(sql<boolean>`not (${LISTING})`);
      if (filter.conversation !== undefined) query = query.where('conversation', '=', filter.conversation);
      if (after) query = query.where(sql<boolean>`(created_at, id) < (${after.at}::timestamptz, ${after.id}::text)`);
      const rows = await query
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(size + 1)
        .execute();
      return pageOfRows(rows, size, placeOfRow, toRun);
    },
    async countOpen(tenant, principal) {
      let query = db.selectFrom('run').select(sql<number>`count(*)::int`.as('open')).where('tenant', '=', tenant);
      if (principal !== undefined) query = query.where('principal', '=', principal);
      return (await query.where('ended_at', 'is', null).executeTakeFirstOrThrow()).open;
    },
    removed: (tenant, id) => removedRun(db, tenant, id),
    archived: (tenant, filter = {}) => archivedRuns(db, tenant, filter),
    async jobs(tenant, run) {
      const query = db.selectFrom('job').selectAll().where('tenant', '=', tenant).where('run', '=', run);
      return (await query.orderBy('created_at').orderBy('id').execute()).map(toJob);
    },
  });
}

/** The text of a call is its method. */
const LISTING = sql`run.kind = 'call' and run.question ~ '/List[A-Z][A-Za-z]*$'`;

const OPEN_ASIDE = sql`from set_aside s where s.tenant = run.tenant and s.run = run.id and s.ended_at is null`;
const ASIDE = sql<string | null>`(select s.problem ${OPEN_ASIDE})`.as('aside');

/** Of a run that has ended no call waits any more: its jobs are not looked at. */
const WAITING = sql<boolean>`run.ended_at is null and exists (
  select from job j where j.tenant = run.tenant and j.run = run.id and j.state = 'approval')`;
const WAITS = WAITING.as('waits');

function toRun(row: Selectable<Schema['run']> & { aside?: string | null; waits?: boolean }): StoredRun {
  const { question: text, created_at, ended_at, left_out, aside, waits, ...same } = row;
  const times = { createdAt: created_at.getTime(), endedAt: ended_at?.getTime() ?? null };
  const run = { ...same, ...times, text, leftOut: left_out };
  return { ...run, ...(aside ? { setAside: aside } : {}), ...(waits ? { waitsForOwner: true } : {}) };
}

function toJob(row: Selectable<Schema['job']>): JobRow {
  const { created_at, started_at, ended_at, ...same } = row;
  return {
    ...same,
    createdAt: created_at.getTime(),
    startedAt: started_at?.getTime() ?? null,
    endedAt: ended_at?.getTime() ?? null,
  };
}
