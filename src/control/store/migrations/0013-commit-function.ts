// The commit of a batch of units as a function; commit-sql.ts calls it. Never edited once released: a build that commits otherwise
// makes a function of another name beside it, because the builds before it go on calling theirs.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { rows } from './text-rows.ts';

const UNITS = rows('_units', 'tenant, source, command, stream, device, session bigint');
const PARTS = rows('_parts', 'unit int, tenant, stream, kind, expected bigint, next bigint');
const SEEN = `(
      select outcome from inbox where tenant = u.tenant and source = u.source and command_id = u.command limit 1)`;
const FENCED = `(u.device is not null and (
      select d.session_epoch = u.session and d.state = 'active' from device d
      where d.tenant = u.tenant and d.id = u.device limit 1) is not true)`;
const EVENTS = rows('_events', 'tenant, stream, version bigint, type');
const OUTBOX = rows(
  '_outbox',
  `tenant, dispatch_id, run, job, epoch bigint, capability, tier int, target, device, selector jsonb, recipients text[],
  slots int, priority int, state, reason, holder`,
);
const TIMERS = rows('_timers', 'tenant, id, stream, kind, due_in float8');
const CONVERSATIONS = rows(
  '_conversations',
  'tenant, id, title, active_run, waiting text[], turns int, device, created_at ms',
);
const RUNS = rows(
  '_runs',
  `tenant, id, conversation, device, principal, kind, state, question, answer, reason, created_at ms, ended_at ms,
  usage jsonb, sources jsonb, withheld jsonb, egress jsonb, left_out jsonb, model jsonb`,
);
const JOBS = rows(
  '_jobs',
  'tenant, run, id, method, target, state, attempts int, epoch bigint, created_at ms, started_at ms, ended_at ms, error',
);

/**
 * Writes all units of a batch or none. Where one does not fit, nothing is written and `unfit` says which ones and why.
 *
 * Order of locks, the same in every replica, so that batches never wait for each other in a circle: existing streams by
 * (tenant, id), new streams by (tenant, id), inbox by key. Each statement sees what was committed before it began.
 *
 * - stale: a stream is not at the version that was expected, read under its lock; a new one is expected at 0.
 * - seen: the command is in the inbox already.
 * - fenced: the session that the command came by stands no more. The device is not locked: a session that is superseded at the
 *   same moment said what it said before that, and its successor says the same again.
 *
 * A concurrent commit that those statements could not see may take a new stream or an inbox key. Then bowline_torn() undoes the
 * whole batch; sent again it sees that commit. What has no rows costs no statement. No statement joins a table, so that the plans,
 * which are made once per connection, find every row by its key whatever the statistics say (PGlite never gathers any); where
 * the id finds the row, the tenant is compared as an expression, so that no index by tenant is scanned for it.
 */
export const COMMIT_FUNCTION = `
create function bowline_commit_1(
  _units text[], _outcomes bytea[], _parts text[], _fresh int, _moved int, _events text[], _data bytea[],
  _outbox text[], _done text[], _timers text[], _rung text[], _conversations text[], _runs text[], _jobs text[],
  out at bigint, out unfit json)
language plpgsql volatile as $function$
#variable_conflict use_column
declare
  _at timestamptz(3) := date_trunc('milliseconds', now());
  _unfit int[];
  _written int;
begin
  at := extract(epoch from _at) * 1000;

  select array_agg(unit) into _unfit from (
    select p.unit from (select * from ${PARTS} w order by tenant, stream) p
    left join lateral (
      select version from streams where tenant = p.tenant and id = p.stream for no key update) s on true
    where coalesce(s.version, 0) <> p.expected
    union all
    select n from ${UNITS} u where ${SEEN} is not null
    union all
    select n from ${UNITS} u where ${FENCED}) x;
  if _unfit is not null then
    select json_agg(json_build_object('unit', n, 'outcome', encode(${SEEN}, 'hex'), 'fenced', ${FENCED})) into unfit
    from ${UNITS} u where n = any (_unfit);
    return;
  end if;

  if _fresh > 0 then
    insert into streams (tenant, id, kind, version)
    select tenant, stream, kind, next from ${PARTS} p where expected = 0
    order by tenant, stream
    on conflict do nothing;
    get diagnostics _written = row_count;
    if _written < _fresh then perform bowline_torn(); end if;
  end if;

  insert into inbox (tenant, source, command_id, stream, outcome, at)
  select tenant, source, command, stream, _outcomes[n], _at from ${UNITS} u
  order by tenant, source, command
  on conflict do nothing;
  get diagnostics _written = row_count;
  if _written < cardinality(_outcomes) then perform bowline_torn(); end if;

  if _moved > 0 then
    insert into streams (tenant, id, kind, version)
    select tenant, stream, kind, next from ${PARTS} p where expected > 0 and next > expected
    order by tenant, stream
    on conflict (tenant, id) do update set version = excluded.version;
  end if;
  if cardinality(_events) > 0 then
    insert into events (tenant, stream, version, type, at, data)
    select tenant, stream, version, type, _at, _data[n] from ${EVENTS} e;
  end if;

  if cardinality(_outbox) > 0 then
    insert into outbox (dispatch_id, tenant, run, job, epoch, capability, tier, target, device, selector, recipients,
      slots, priority, state, reason, holder, created_at)
    select dispatch_id, tenant, run, job, epoch, capability, tier, target, device, selector, recipients,
      slots, priority, state, reason, holder, _at from ${OUTBOX} o
    order by dispatch_id
    on conflict (dispatch_id) do update set target = excluded.target, device = excluded.device,
      selector = excluded.selector, recipients = excluded.recipients, slots = excluded.slots,
      priority = excluded.priority, state = excluded.state, reason = excluded.reason, queued_at = null
    where outbox.tenant = excluded.tenant and outbox.run = excluded.run;
  end if;
  for i in 1 .. cardinality(_done) by 2 loop
    delete from outbox where dispatch_id = _done[i + 1] and tenant || '' = _done[i];
  end loop;

  if cardinality(_timers) > 0 then
    insert into timers (id, tenant, stream, kind, due, wake)
    select id, tenant, stream, kind, due, due
    from (select *, _at + due_in * interval '1 millisecond' as due from ${TIMERS} w) t
    order by id, tenant
    on conflict (id, tenant) do update set stream = excluded.stream, kind = excluded.kind, due = excluded.due,
      wake = excluded.wake;
  end if;
  for i in 1 .. cardinality(_rung) by 2 loop
    delete from timers where id = _rung[i + 1] and tenant || '' = _rung[i];
  end loop;

  if cardinality(_conversations) > 0 then
    insert into conversation (tenant, id, title, active_run, waiting, turns, device, created_at)
    select tenant, id, title, active_run, waiting, turns, device, coalesce(created_at, _at) from ${CONVERSATIONS} c
    order by tenant, id
    on conflict (tenant, id) do update set title = excluded.title, active_run = excluded.active_run,
      waiting = excluded.waiting, turns = excluded.turns, device = excluded.device;
  end if;
  if cardinality(_runs) > 0 then
    insert into run (tenant, id, conversation, device, principal, kind, state, question, answer, reason, created_at,
      ended_at, usage, sources, withheld, egress, left_out, model)
    select tenant, id, conversation, device, principal, kind, state, question, answer, reason, created_at,
      ended_at, usage, sources, withheld, egress, left_out, model from ${RUNS} r
    order by tenant, id
    on conflict (tenant, id) do update set conversation = excluded.conversation, device = excluded.device,
      state = excluded.state, question = excluded.question, answer = excluded.answer, reason = excluded.reason,
      ended_at = excluded.ended_at, usage = excluded.usage, sources = excluded.sources, withheld = excluded.withheld,
      egress = excluded.egress, left_out = excluded.left_out, model = excluded.model;
  end if;
  if cardinality(_jobs) > 0 then
    insert into job (tenant, run, id, method, target, state, attempts, epoch, created_at, started_at, ended_at, error)
    select tenant, run, id, method, target, state, attempts, epoch, created_at, started_at, ended_at, error from ${JOBS} j
    order by tenant, run, id
    on conflict (tenant, run, id) do update set method = excluded.method, target = excluded.target,
      state = excluded.state, attempts = excluded.attempts, epoch = excluded.epoch, started_at = excluded.started_at,
      ended_at = excluded.ended_at, error = excluded.error;
  end if;
end $function$`;

export const commitFunction: Pick<Migration, 'up'> = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw(COMMIT_FUNCTION).execute(db);
  },
};
