// The one statement that commits a batch of units. It owns the locking order and the all-or-nothing rule; how the
// parameters are made stands in commit-encode.ts. Two units of one batch never share a stream or an inbox key.

/**
 * Order of locks, the same in every replica, so that batches never wait for each other in a circle: existing streams by
 * (tenant, id), new streams by (tenant, id), inbox by key. Each step reads an aggregate of the step before and so
 * starts only when that one is finished.
 *
 * - seen: the command is in the inbox already; the unit is left alone and its outcome returned.
 * - taken: a part wants a new stream where one stands.
 * - fenced: the session that the command came by stood no more when the statement began. The device is not locked: a session
 *   that is superseded at the same moment said what it said before that, and its successor says the same again.
 * - held: existing streams, locked; the version is read under the lock.
 * - fit: every existing part matched. Its new streams are inserted (born), then its inbox row (noted).
 * - passed: everything of the unit found its place. Only these units write anything else.
 *
 * A concurrent commit that this snapshot cannot see may take one new stream, or the inbox key, of a unit that is fit. Then
 * bowline_torn() undoes the whole statement. Lookups of large tables go through LATERAL or ON CONFLICT, so that the plan
 * uses the keys whatever the statistics say (PGlite never gathers any, and the plan is cached for the session). Counts
 * are compared with >= where = would do: it keeps the planner's row estimates above one, and so its joins hashed;
 * and a tenant is compared as an expression where the id finds the row, so that no index by tenant is scanned for it.
 */
export const COMMIT_SQL = `with
t as materialized (select date_trunc('milliseconds', now()) as at),
u as materialized (
  select * from json_to_recordset($2::json)
    as x(u int, tenant text, source text, command text, stream text, off int, len int, old int, fresh int,
      device text, session bigint)),
p as materialized (
  select * from json_to_recordset($3::json)
    as x(p int, u int, tenant text, stream text, kind text, expected bigint, next bigint)),
seen as materialized (
  select u.u, i.outcome from u cross join lateral (
    select outcome from inbox where tenant = u.tenant and source = u.source and command_id = u.command limit 1) i),
taken as materialized (
  select p.u from p cross join lateral (
    select 1 from streams where tenant = p.tenant and id = p.stream limit 1) s
  where p.expected = 0),
fenced as materialized (
  select u.u from u where u.device is not null and (
    select d.session_epoch = u.session and d.state = 'active' from device d
    where d.tenant = u.tenant and d.id = u.device limit 1) is not true),
held as materialized (
  select w.u, w.expected = s.version as ok
  from (select * from p where p.expected > 0 order by p.tenant, p.stream) w
  cross join lateral (
    select version from streams where tenant = w.tenant and id = w.stream for no key update) s),
fit as materialized (
  select u.u, u.fresh from u
  left join (select held.u, count(*) as n from held where held.ok group by held.u) h using (u)
  left join (
    select x.u, count(*) as n
    from (select u from seen union all select u from taken union all select u from fenced) x group by x.u) b using (u)
  where coalesce(h.n, 0) >= u.old and coalesce(b.n, 0) <= 0),
born as (
  insert into streams (tenant, id, kind, version)
  select p.tenant, p.stream, p.kind, p.next from p join fit using (u) where p.expected <= 0
  order by p.tenant, p.stream
  on conflict do nothing returning tenant, id),
births as materialized (
  select p.u, count(*) as n from born join p on p.tenant = born.tenant and p.stream = born.id group by p.u),
noted as (
  insert into inbox (tenant, source, command_id, stream, outcome, at)
  select u.tenant, u.source, u.command, u.stream, substring($1::bytea from u.off + 1 for u.len), t.at
  from u join fit using (u) left join births using (u) cross join t
  where coalesce(births.n, 0) >= fit.fresh
  order by u.tenant, u.source, u.command
  on conflict do nothing returning tenant, source, command_id),
passed as materialized (
  select u.u from u join noted on noted.tenant = u.tenant and noted.source = u.source and noted.command_id = u.command),
moved as (
  insert into streams (tenant, id, kind, version)
  select p.tenant, p.stream, p.kind, p.next from p join passed using (u)
  where p.expected > 0 and p.next > p.expected
  order by p.tenant, p.stream
  on conflict (tenant, id) do update set version = excluded.version),
appended as (
  insert into events (tenant, stream, version, type, at, data)
  select p.tenant, p.stream, e.version, e.type, t.at, substring($1::bytea from e.off + 1 for e.len)
  from json_to_recordset($4::json) as e(p int, version bigint, type text, off int, len int)
  join p using (p) join passed using (u) cross join t),
dispatched as (
  insert into outbox (dispatch_id, tenant, run, job, epoch, capability, tier, target, device, selector, recipients,
    slots, priority, state, reason, holder, created_at)
  select o.dispatch_id, u.tenant, o.run, o.job, o.epoch, o.capability, o.tier, o.target, o.device, o.selector,
    o.recipients, o.slots, o.priority, o.state, o.reason, o.holder, t.at
  from json_to_recordset($5::json) as o(u int, dispatch_id text, run text, job text, epoch bigint, capability text,
    tier int, target text, device text, selector jsonb, recipients text[], slots int, priority int, state text,
    reason text, holder text)
  join u using (u) join passed using (u) cross join t
  order by o.dispatch_id
  on conflict (dispatch_id) do update set target = excluded.target, device = excluded.device,
    selector = excluded.selector, recipients = excluded.recipients, slots = excluded.slots,
    priority = excluded.priority, state = excluded.state, reason = excluded.reason, queued_at = null
  where outbox.tenant = excluded.tenant and outbox.run = excluded.run),
marks as materialized (
  select m.kind, m.id, u.tenant from json_to_recordset($6::json) as m(u int, kind text, id text)
  join u using (u) join passed using (u)),
finished as (
  delete from outbox using marks m
  where m.kind = 'done' and m.id = outbox.dispatch_id and m.tenant = outbox.tenant || ''),
set_timers as (
  insert into timers (id, tenant, stream, kind, due, wake)
  select x.id, u.tenant, x.stream, x.kind, w.due, w.due
  from json_to_recordset($7::json) as x(u int, id text, stream text, kind text, ms float8)
  join u using (u) join passed using (u) cross join t
  cross join lateral (select t.at + x.ms * interval '1 millisecond' as due) w
  order by x.id, u.tenant
  on conflict (id, tenant) do update set stream = excluded.stream, kind = excluded.kind, due = excluded.due,
    wake = excluded.wake),
rung as (
  delete from timers using marks m
  where m.kind = 'timer' and m.id = timers.id and m.tenant = timers.tenant || ''),
conversations as (
  insert into conversation (tenant, id, title, active_run, waiting, turns, device, created_at)
  select c.tenant, c.id, c.title, c.active_run, c.waiting, c.turns, c.device, coalesce(c.created_at, t.at)
  from json_to_recordset($8::json) as c(u int, tenant text, id text, title text, active_run text, waiting text[],
    turns int, device text, created_at timestamptz)
  join passed using (u) cross join t
  order by c.tenant, c.id
  on conflict (tenant, id) do update set title = excluded.title, active_run = excluded.active_run,
    waiting = excluded.waiting, turns = excluded.turns, device = excluded.device),
runs as (
  insert into run (tenant, id, conversation, device, principal, kind, state, question, answer, reason, created_at,
    ended_at, usage, sources, withheld, egress, left_out, model)
  select r.tenant, r.id, r.conversation, r.device, r.principal, r.kind, r.state, r.text, r.answer, r.reason,
    r.created_at, r.ended_at, r.usage, r.sources, r.withheld, r.egress, r.left_out, r.model
  from json_to_recordset($9::json) as r(u int, tenant text, id text, conversation text, device text, principal text,
    kind text, state text, "text" text, answer text, reason text, created_at timestamptz, ended_at timestamptz,
    usage jsonb, sources jsonb, withheld jsonb, egress jsonb, left_out jsonb,
    model jsonb)
  join passed using (u)
  order by r.tenant, r.id
  on conflict (tenant, id) do update set conversation = excluded.conversation, device = excluded.device,
    state = excluded.state, question = excluded.question, answer = excluded.answer, reason = excluded.reason,
    ended_at = excluded.ended_at, usage = excluded.usage, sources = excluded.sources, withheld = excluded.withheld,
    egress = excluded.egress, left_out = excluded.left_out, model = excluded.model),
jobs as (
  insert into job (tenant, run, id, method, target, state, attempts, epoch, created_at, started_at, ended_at, error)
  select j.tenant, j.run, j.id, j.method, j.target, j.state, j.attempts, j.epoch, j.created_at, j.started_at,
    j.ended_at, j.error
  from json_to_recordset($10::json) as j(u int, tenant text, run text, id text, method text, target text, state text,
    attempts int, epoch bigint, created_at timestamptz, started_at timestamptz, ended_at timestamptz, error text)
  join passed using (u)
  order by j.tenant, j.run, j.id
  on conflict (tenant, run, id) do update set method = excluded.method, target = excluded.target,
    state = excluded.state, attempts = excluded.attempts, epoch = excluded.epoch, started_at = excluded.started_at,
    ended_at = excluded.ended_at, error = excluded.error)
select u.u, passed.u is not null as passed, seen.outcome, fenced.u is not null as fenced, (extract(epoch from t.at) * 1000)::bigint as at,
  case when passed.u is null and births.n is not null then bowline_torn() end as torn
from u left join passed using (u) left join seen using (u) left join births using (u) left join fenced using (u)
  cross join t`;
