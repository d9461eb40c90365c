// The list of jobs that nothing goes on with by itself. Never edited once released. A trigger fills it in the commit that ends the job,
// also where a build from before commits, and costs a job that is not dead one comparison; an index on `job` would cost every job.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const parts = [
  `create table dead_job (
    tenant text not null, run text not null, job text not null, kind text not null, method text not null, target text not null,
    reason text not null, attempts int not null, at timestamptz(3) not null default now(),
    handled text check (handled in ('retried', 'dropped')), primary key (tenant, run, job))`,
  'create index dead_job_open on dead_job (tenant, at, job) where handled is null',
  `create function bowline_dead_job() returns trigger language plpgsql as $$
begin
  insert into dead_job (tenant, run, job, kind, method, target, reason, attempts)
  values (new.tenant, new.run, new.id,
    case when new.error in ('ATTEMPTS_LOST', 'EDGE_ENDED_AT_CALL') then 'holders' when new.state = 'unknown' then 'unknown' else 'failed' end,
    new.method, new.target, coalesce(new.error, ''), new.attempts)
  on conflict do nothing;
  return null;
end $$`,
  `create trigger job_dead after insert or update on job for each row
  when (new.ended_at is not null and (new.state = 'unknown'
    or new.state = 'failed' and (new.attempts > 1 or new.error in ('ATTEMPTS_LOST', 'EDGE_ENDED_AT_CALL'))))
  execute function bowline_dead_job()`,
];

export const deadJobs: Pick<Migration, 'up'> = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const each of parts) await sql.raw(each).execute(db);
  },
};
