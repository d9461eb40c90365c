// Hard budgets: what may be spent in a period, what is spent and reserved of it, and the commit that reserves. Never edited once
// released. A replica from before commits past budgets; that is why one is set only while every replica knows them.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { rows } from './text-rows.ts';

const tables = [
  `create table budget (
    tenant text not null, id text not null,
    scope text not null check (scope in ('tenant', 'device', 'conversation', 'key', 'model')), subject text not null,
    period text not null check (period in ('day', 'week', 'month')),
    limit_micros bigint, limit_tokens bigint, warn_percent int[] not null,
    created_at timestamptz(3) not null default now(), check (coalesce(limit_micros, limit_tokens) is not null),
    primary key (tenant, id)) with (fillfactor = 70)`,
  `create table budget_period (
    tenant text not null, budget text not null, start timestamptz(3) not null,
    spent_micros bigint not null default 0, spent_tokens bigint not null default 0,
    reserved_micros bigint not null default 0, reserved_tokens bigint not null default 0,
    primary key (tenant, budget, start)) with (fillfactor = 50)`,
  `create table reservation (
    dispatch_id text not null, tenant text not null, budget text not null, start timestamptz(3) not null,
    micros bigint not null, tokens bigint not null, prices text not null,
    lapses_at timestamptz(3), lapsed boolean not null default false,
    primary key (dispatch_id, budget)) with (fillfactor = 70)`,
  'create index reservation_budget on reservation (tenant, budget)',
  'create index reservation_lapses on reservation (lapses_at) where lapses_at is not null',
];

const UNITS = rows('_units', 'tenant, source, command, stream, device, session bigint');
const WANTS = rows(
  '_wants',
  'unit int, tenant, dispatch_id, job, conversation, device, principal, models text[], micros bigint, tokens bigint, prices',
);
const ENDS = rows(
  '_ends',
  'tenant, dispatch_id, told boolean, conversation, device, principal, models text[], micros bigint, tokens bigint',
);
const USAGE = rows(
  '_usage',
  `tenant, run, job, provider, model, input_tokens bigint, output_tokens bigint, cost_micros bigint, epoch bigint, method,
  conversation, device, principal, cached_tokens bigint, estimated boolean`,
);

/** Whether a budget `b` bounds what `x` is about. What is not known to be of another model counts. */
const bounds = (x: string): string => `case b.scope
      when 'tenant' then true
      when 'device' then b.subject = coalesce(${x}.device, '')
      when 'conversation' then b.subject = coalesce(${x}.conversation, '')
      when 'key' then b.subject = split_part(${x}.principal, ':', 2)
      else ${x}.models is null or b.subject = any (${x}.models) end`;

/** The period of a budget that the commit falls in. */
const START = "date_trunc(b.period, _at at time zone 'UTC') at time zone 'UTC'";

const INSERT_USAGE = `insert into ledger_usage (tenant, run, job, provider, model, input_tokens, output_tokens, cost_micros,
      epoch, method, conversation, device, principal, cached_tokens, estimated, at)
    select tenant, run, job, provider, model, input_tokens, output_tokens, cost_micros, epoch, method, conversation, device,
      principal, cached_tokens, estimated, _at from ${USAGE} u`;

/**
 * bowline_commit_1 with money: what ended is settled, what begins is reserved, and what was used goes into the ledger, all or nothing.
 * Where a budget has no room nothing is written, and `over` says which job met which budget. The budgets of the tenants are locked
 * before anything else, in one order, so that of two commits the second sees what the first has reserved, and none waits in a circle.
 * A tenant without budgets costs the look for them.
 *
 * - told: it is known what the dispatch used. Else its reservation stays, because its result may still come and cost, until that does or
 *   it lapses; one that no replica ever held was never sent, and is free at once.
 * - a want without amounts comes from a replica that did not know of the budgets: it is over, and comes again with them.
 */
export const BUDGET_COMMIT_FUNCTION = `
create function bowline_commit_2(
  _units text[], _outcomes bytea[], _parts text[], _fresh int, _moved int, _events text[], _data bytea[],
  _outbox text[], _done text[], _timers text[], _rung text[], _conversations text[], _runs text[], _jobs text[],
  _wants text[], _ends text[], _usage text[], _lapse_ms float8,
  out at bigint, out unfit json, out over json)
language plpgsql volatile as $function$
#variable_conflict use_column
declare
  _at timestamptz(3) := date_trunc('milliseconds', now());
  _end record;
  _held record;
begin
  perform 1 from budget
  where tenant = any (array(select tenant from ${WANTS} w union select tenant from ${ENDS} e))
  order by tenant, id for update;
  if not found then
    select c.at, c.unfit into at, unfit from bowline_commit_1(_units, _outcomes, _parts, _fresh, _moved, _events, _data,
      _outbox, _done, _timers, _rung, _conversations, _runs, _jobs) c;
    if unfit is null and cardinality(_usage) > 0 then
      ${INSERT_USAGE};
    end if;
    return;
  end if;

  begin
    for _end in select * from ${ENDS} e order by n loop
      if not _end.told and not exists (
        select 1 from outbox where dispatch_id = _end.dispatch_id and tenant || '' = _end.tenant and holder is null) then
        update reservation set lapses_at = _at + _lapse_ms * interval '1 millisecond'
        where dispatch_id = _end.dispatch_id and tenant || '' = _end.tenant and lapses_at is null;
        continue;
      end if;
      if _end.told and _end.micros + _end.tokens > 0 then
        insert into budget_period (tenant, budget, start, spent_micros, spent_tokens)
        select b.tenant, b.id, coalesce(
            (select r.start from reservation r where r.dispatch_id = _end.dispatch_id and r.budget = b.id and r.tenant || '' = b.tenant),
            ${START}), _end.micros, _end.tokens
        from budget b where b.tenant = _end.tenant and ${bounds('_end')}
        on conflict (tenant, budget, start) do update set spent_micros = budget_period.spent_micros + excluded.spent_micros,
          spent_tokens = budget_period.spent_tokens + excluded.spent_tokens;
      end if;
      for _held in delete from reservation where dispatch_id = _end.dispatch_id and tenant || '' = _end.tenant returning * loop
        update budget_period set
          reserved_micros = reserved_micros - case when _held.lapsed then 0 else _held.micros end,
          reserved_tokens = reserved_tokens - case when _held.lapsed then 0 else _held.tokens end,
          spent_micros = spent_micros - case when _held.lapsed then _held.micros else 0 end,
          spent_tokens = spent_tokens - case when _held.lapsed then _held.tokens else 0 end
        where tenant = _held.tenant and budget = _held.budget and start = _held.start;
      end loop;
    end loop;

    select json_agg(json_build_object('unit', unit, 'job', job, 'unpriced', micros is null, 'budget', id, 'scope', scope,
      'subject', subject, 'period', period, 'limitMicros', limit_micros, 'limitTokens', limit_tokens,
      'usedMicros', used_micros, 'usedTokens', used_tokens, 'needsMicros', micros, 'needsTokens', tokens,
      'until', extract(epoch from ((start at time zone 'UTC') + ('1 ' || period)::interval) at time zone 'UTC') * 1000)
      order by n) into over
    from (select distinct on (n) * from (
      select w.n, w.unit, w.job, w.micros, w.tokens, b.id, b.scope, b.subject, b.period, b.limit_micros, b.limit_tokens,
        ${START} as start,
        coalesce(p.spent_micros + p.reserved_micros, 0) as used_micros,
        coalesce(p.spent_tokens + p.reserved_tokens, 0) as used_tokens,
        sum(w.micros) over (partition by b.tenant, b.id order by w.n) as all_micros,
        sum(w.tokens) over (partition by b.tenant, b.id order by w.n) as all_tokens
      from ${WANTS} w
      join budget b on b.tenant = w.tenant and ${bounds('w')}
      left join budget_period p on p.tenant = b.tenant and p.budget = b.id and p.start = ${START}
      where not exists (select 1 from ${UNITS} u where u.n = w.unit and (
        select true from inbox where tenant = u.tenant and source = u.source and command_id = u.command limit 1))) a
      where micros is null or used_micros + all_micros > limit_micros or used_tokens + all_tokens > limit_tokens
      order by n, id) o;
    if over is not null then
      raise exception 'a budget has no room' using errcode = 'BW002';
    end if;

    select c.at, c.unfit into at, unfit from bowline_commit_1(_units, _outcomes, _parts, _fresh, _moved, _events, _data,
      _outbox, _done, _timers, _rung, _conversations, _runs, _jobs) c;
    if unfit is not null then
      raise exception 'a unit does not fit' using errcode = 'BW002';
    end if;

    insert into reservation (dispatch_id, tenant, budget, start, micros, tokens, prices)
    select w.dispatch_id, w.tenant, b.id, ${START}, w.micros, w.tokens, w.prices
    from ${WANTS} w join budget b on b.tenant = w.tenant and ${bounds('w')};
    insert into budget_period (tenant, budget, start, reserved_micros, reserved_tokens)
    select b.tenant, b.id, ${START}, sum(w.micros), sum(w.tokens)
    from ${WANTS} w join budget b on b.tenant = w.tenant and ${bounds('w')} group by b.tenant, b.id, b.period
    on conflict (tenant, budget, start) do update set reserved_micros = budget_period.reserved_micros + excluded.reserved_micros,
      reserved_tokens = budget_period.reserved_tokens + excluded.reserved_tokens;
    if cardinality(_usage) > 0 then
      ${INSERT_USAGE};
    end if;
  exception when sqlstate 'BW002' then
    null;
  end;
end $function$`;

/**
 * Charges the worst case of what ended without a word and whose time to be told of is over. A dispatch that is gone in any other way
 * (with its conversation, say) begins to lapse. Returns how many reservations lapsed.
 */
export const LAPSE_FUNCTION = `
create function bowline_lapse_1(_lapse_ms float8) returns int language plpgsql volatile as $function$
declare
  _held record;
  _count int := 0;
begin
  perform 1 from budget where tenant in (select tenant from reservation) order by tenant, id for update;
  update reservation r set lapses_at = now() + _lapse_ms * interval '1 millisecond'
  where lapses_at is null and not exists (select 1 from outbox o where o.dispatch_id = r.dispatch_id);
  for _held in select * from reservation where lapses_at <= now() and not lapsed loop
    update budget_period set reserved_micros = reserved_micros - _held.micros, reserved_tokens = reserved_tokens - _held.tokens,
      spent_micros = spent_micros + _held.micros, spent_tokens = spent_tokens + _held.tokens
    where tenant = _held.tenant and budget = _held.budget and start = _held.start;
    update reservation set lapsed = true where dispatch_id = _held.dispatch_id and budget = _held.budget;
    _count := _count + 1;
  end loop;
  delete from reservation where lapsed and lapses_at < now() - interval '7 days';
  return _count;
end $function$`;

export const budgets: Pick<Migration, 'up'> = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const each of [...tables, BUDGET_COMMIT_FUNCTION, LAPSE_FUNCTION]) await sql.raw(each).execute(db);
  },
};
