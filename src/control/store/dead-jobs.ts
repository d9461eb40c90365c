// The list of dead jobs: those that nothing goes on with by itself, and runs that are set aside. Jobs come onto it in the commit that ends
// them (a trigger of migration 21); a person takes them off.
import { type Kysely, sql, type Transaction } from 'kysely';
import { type ListPage, pageOfRows } from '../../contract/paging.ts';
import { guarded } from './guarded.ts';
import { type PageQuery, placeOfRow, readPageQuery } from './page.ts';
import type { Schema } from './schema.ts';

/** holders: whoever had it ended or was lost. unreadable: its run is set aside; then `id` is the run's. */
export type DeadJobKind = 'failed' | 'holders' | 'unknown' | 'unreadable';

export interface DeadJobRow {
  readonly id: string;
  readonly run: string;
  readonly conversation: string | null;
  readonly kind: DeadJobKind;
  readonly method: string;
  readonly target: string;
  readonly reason: string;
  readonly attempts: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface DeadJobFilter extends PageQuery {
  /** A part of the full method name. */
  readonly method?: string;
  readonly kind?: DeadJobKind;
}

export interface DeadJobs {
  /** Those that nobody has dealt with, newest first. Throws INVALID_ARGUMENT for a page token that is not ours. */
  list(tenant: string, filter?: DeadJobFilter): Promise<ListPage<DeadJobRow>>;
  /** Takes a job off the list; false when it is not on it. */
  handle(trx: Transaction<Schema>, tenant: string, job: string, how: 'retried' | 'dropped'): Promise<boolean>;
}

export function createDeadJobs(db: Kysely<Schema>): DeadJobs {
  return guarded<DeadJobs>({
    async list(tenant, { method = '', kind, ...page } = {}) {
      const { size, after } = readPageQuery(page);
      const { rows } = await sql<Omit<DeadJobRow, 'at'> & { created_at: Date }>`
        select d.*, r.conversation from (
          select run, job as id, kind, method, target, reason, attempts, at as created_at from dead_job
          where tenant = ${tenant} and handled is null
          union all
          select run, run, 'unreadable', '', '', problem, 0, date_trunc('milliseconds', since) from set_aside
          where tenant = ${tenant} and ended_at is null) d
        join run r on r.tenant = ${tenant} and r.id = d.run
        where strpos(d.method, ${method}) > 0 and (${kind ?? null}::text is null or d.kind = ${kind ?? null}::text)
          and (${after?.at ?? null}::timestamptz is null or (d.created_at, d.id) < (${after?.at ?? null}::timestamptz, ${after?.id ?? ''}))
        order by d.created_at desc, d.id desc limit ${size + 1}`.execute(db);
      return pageOfRows(rows, size, placeOfRow, ({ created_at, ...row }) => ({ ...row, at: created_at.getTime() }));
    },
    async handle(trx, tenant, job, how) {
      const handled = await trx
        .updateTable('dead_job')
        .set({ handled: how })
        .where('tenant', '=', tenant)
        .where('run', '=', runOfJob(job))
        .where('job', '=', job)
        .where('handled', 'is', null)
        .returning('job')
        .executeTakeFirst();
      return handled !== undefined;
    },
  });
}

/** The run that a job belongs to: ids of jobs are `run/step/index`. */
export const runOfJob = (job: string): string => job.split('/')[0] ?? '';
