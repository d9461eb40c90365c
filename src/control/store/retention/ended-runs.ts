// Removes runs that ended long ago with all that belongs to them, and conversations in which nothing was said for long. What is needed
// stays: a run that has not ended or is still worked on, and the turns that the next run of its conversation would be shown.
import type { ClientBase } from 'pg';
import { type RemovalBatch, type RemovalBatches, timeInDatabase } from './batches.ts';
import { tenantsOf } from './old-rows.ts';

export interface KeepRuns {
  readonly runsMs: number;
  readonly conversationsMs: number;
}

/** Runs of a conversation that the next one may be shown, where no summary stands for them (see MAX_PAST in orchestrator/run/conversation.ts). */
const TURNS = 64;
/** Methods of this name make the summaries. */
const SUMS_UP = '%/Chat';
/** Runs that are looked at by one statement, and events that are removed by one. */
const PAGE = 500;
const MOST_EVENTS = 5_000;

/** Where a look through the runs or conversations of a tenant has come. */
interface Place {
  readonly at: Date;
  readonly id: string;
}

const BEGINNING: Place = { at: new Date(0), id: '' };

/** Where runs go before they are removed. */
export interface Archive {
  /** Returns the name of what was written. Durable when it returns, and harmless when the run is not removed after all. */
  write(tenant: string, run: string): Promise<string>;
}

/** Removes what `keep` does not keep; returns how many runs. With an archive, none is removed that is not in it. */
export async function removeEndedRuns(
  batches: RemovalBatches,
  keep: KeepRuns,
  tenants: readonly string[],
  archive?: Archive,
): Promise<number> {
  if (keep.runsMs === Number.POSITIVE_INFINITY) return 0;
  let removed = 0;
  for (const tenant of tenants) removed += await batches.run(runsOf(tenant, keep, archive));
  return removed;
}

/** Removes conversations that no run is left of; returns how many. */
export async function removeIdleConversations(batches: RemovalBatches, idleMs: number): Promise<number> {
  if (idleMs === Number.POSITIVE_INFINITY) return 0;
  let removed = 0;
  for (const tenant of await tenantsOf(batches, 'conversation')) {
    removed += await batches.run(conversationsOf(tenant, idleMs));
  }
  return removed;
}

interface OldRun {
  readonly id: string;
  readonly created_at: Date;
  readonly version: number;
  readonly over: boolean;
}

interface Archived extends OldRun {
  readonly archive?: string;
}

// A page is looked through once and removed in parts. What changes in a run meanwhile changes the version of its stream, which is looked at
// again under the lock.
// Into the archive it goes between two batches: that takes other connections and other disks.
function runsOf(tenant: string, keep: KeepRuns, archive: Archive | undefined): RemovalBatch {
  let place = BEGINNING;
  let over: OldRun[] = [];
  let isLast = false;
  let ready: readonly Archived[] = [];
  return async (client, rows) => {
    if (ready.length > 0) {
      const removed = await removeRuns(client, tenant, ready);
      ready = [];
      return { removed, more: over.length > 0 || !isLast };
    }
    if (over.length === 0) {
      const page = await oldRuns(client, tenant, keep, place);
      const last = page.at(-1);
      if (last) place = { at: last.created_at, id: last.id };
      isLast = page.length < PAGE;
      over = page.filter((run) => run.over);
    }
    const chosen: OldRun[] = [];
    for (
      let weight = 0;
      over[0] && (chosen.length === 0 || weight + over[0].version <= Math.min(rows, MOST_EVENTS));
    ) {
      weight += over[0].version;
      chosen.push(over.shift()!);
    }
    const more = over.length > 0 || !isLast;
    if (chosen.length === 0) return { removed: 0, more };
    if (!archive) return { removed: await removeRuns(client, tenant, chosen), more };
    const between = async () => {
      const written: Archived[] = [];
      for (const run of chosen) written.push({ ...run, archive: await archive.write(tenant, run.id) });
      ready = written;
    };
    return { removed: 0, more: true, between };
  };
}

// A page by the index of the newest runs, oldest first, and of each whether it is over. Whoever reads the whole of a conversation's runs to
// tell that reads it once for each page.
async function oldRuns(client: ClientBase, tenant: string, keep: KeepRuns, after: Place): Promise<OldRun[]> {
  const { rows } = await client.query<OldRun>(
    `/* keep_runs */ with page as materialized (
       select id, conversation, created_at, ended_at from run
       where tenant = $1 and created_at < now() - $2::float8 * interval '1 millisecond' and (created_at, id) > ($3, $4)
       order by created_at, id limit ${PAGE}),
     lines as materialized (
       select l.id, (c.id is null or l.last_end < now() - $5::float8 * interval '1 millisecond'
           and c.active_run is null and c.waiting = '{}') as idle, l.needed_at, l.needed
       from (select p.conversation as id,
           (select max(n.ended_at) from (select ended_at from run where tenant = $1 and conversation = p.conversation
             order by created_at desc, id desc limit ${TURNS}) n) as last_end, f.created_at as needed_at, f.id as needed
         from (select distinct conversation from page where conversation is not null) p
         left join lateral (
           select n.created_at, n.id from (
             select r.created_at, r.id, r.ended_at, row_number() over (order by r.created_at desc, r.id desc) as place from run r
             where r.tenant = $1 and r.conversation = p.conversation
             order by r.created_at desc, r.id desc limit ${TURNS}) n
           where n.place = ${TURNS} or exists (
             select from job j where j.tenant = $1 and j.run = n.id and j.state = 'done'
               and j.created_at >= n.ended_at and j.method like '${SUMS_UP}')
           order by n.place limit 1) f on true) l
       left join conversation c on c.tenant = $1 and c.id = l.id)
     select p.id, p.created_at, coalesce(s.version, 0) as version, (
         p.ended_at < now() - $2::float8 * interval '1 millisecond'
         and (l.id is null or l.idle or (p.created_at, p.id) < (l.needed_at, l.needed))
         and not exists (select from outbox o where o.tenant = $1 and o.run = p.id)
         and not exists (select from job j where j.tenant = $1 and j.run = p.id and j.ended_at is null)
         and p.id <> all (array(
           select split_part(dispatch_id, '/', 1) from reservation where tenant = $1 and not lapsed))) is true as over
     from page p
     left join lines l on l.id = p.conversation
     left join streams s on s.tenant = $1 and s.id = p.id
     order by p.created_at, p.id`,
    [tenant, keep.runsMs, after.at, after.id, timeInDatabase(keep.conversationsMs)],
  );
  return rows;
}

// A commit locks the stream first, so what is locked here at the version that was looked at is nobody's work any more. One that a commit
// has changed, or holds, stays for the next round.
async function removeRuns(client: ClientBase, tenant: string, runs: readonly Archived[]): Promise<number> {
  const { rows } = await client.query<{ id: string }>(
    `/* keep_lock */ select s.id from streams s
     where s.tenant = $1 and s.id = any ($2::text[])
       and s.version = (select w.version from unnest($2::text[], $3::bigint[]) w (id, version) where w.id = s.id)
     order by s.id for update skip locked`,
    [tenant, runs.map(({ id }) => id), runs.map(({ version }) => version)],
  );
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return 0;
  await removeRunRows(client, tenant, ids, new Map(runs.map(({ id, archive = '' }) => [id, archive])));
  return ids.length;
}

/** The rows of runs whose streams are locked, and a note that they were there. */
async function removeRunRows(
  client: Pick<ClientBase, 'query'>,
  tenant: string,
  ids: readonly string[],
  archived: ReadonlyMap<string, string>,
): Promise<void> {
  await client.query(
    `/* keep_note */ insert into removed_run (tenant, id, conversation, device, created_at, ended_at, why, archive)
     select r.tenant, r.id, r.conversation, r.device, r.created_at, r.ended_at, 'age', nullif(a.sha256, '')
     from unnest($2::text[], $3::text[]) a (id, sha256) join run r on r.tenant = $1 and r.id = a.id
     on conflict do nothing`,
    [tenant, ids, ids.map((id) => archived.get(id) ?? '')],
  );
  for (const [table, column] of OF_A_RUN) {
    await client.query(`/* keep_${table} */ delete from ${table} where tenant = $1 and ${column} = any ($2::text[])`, [
      tenant,
      ids,
    ]);
  }
}

/** Where rows of a run are, and the column that has its id. */
const OF_A_RUN = [
  ['outbox', 'run'],
  ['timers', 'stream'],
  ['job', 'run'],
  ['set_aside', 'run'],
  ['run', 'id'],
  ['events', 'stream'],
  ['streams', 'id'],
] as const;

/** Where rows of a conversation are beside its own. */
const OF_A_LINE = [
  ['timers', 'stream'],
  ['events', 'stream'],
  ['snapshot', 'stream'],
  ['streams', 'id'],
] as const;

function conversationsOf(tenant: string, idleMs: number): RemovalBatch {
  let place = BEGINNING;
  return async (client) => {
    const { rows } = await client.query<{ id: string; created_at: Date; over: boolean }>(
      `/* keep_conversations */ select c.id, c.created_at, (c.active_run is null and c.waiting = '{}' and not exists (
         select from run r where r.tenant = $1 and r.conversation = c.id)) as over
       from conversation c
       where c.tenant = $1 and c.created_at < now() - $2::float8 * interval '1 millisecond' and (c.created_at, c.id) > ($3, $4)
       order by c.created_at, c.id limit ${PAGE}`,
      [tenant, idleMs, place.at, place.id],
    );
    const last = rows.at(-1);
    if (last) place = { at: last.created_at, id: last.id };
    const ids = rows.filter(({ over }) => over).map(({ id }) => id);
    return { removed: await removeConversations(client, tenant, ids), more: rows.length === PAGE };
  };
}

// Looked at again under the lock of its stream: a commit may have added a run to it since.
async function removeConversations(client: ClientBase, tenant: string, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const locked = await client.query<{ id: string }>(
    `/* keep_lock_lines */ select id from streams where tenant = $1 and id = any ($2::text[]) order by id for update skip locked`,
    [tenant, ids],
  );
  const { rows } = await client.query<{ id: string }>(
    `/* keep_lines */ delete from conversation c where c.tenant = $1 and c.id = any ($2::text[])
       and c.active_run is null and c.waiting = '{}' and not exists (select from run r where r.tenant = $1 and r.conversation = c.id)
     returning c.id`,
    [tenant, locked.rows.map(({ id }) => id)],
  );
  const gone = rows.map(({ id }) => id);
  if (gone.length === 0) return 0;
  for (const [table, column] of OF_A_LINE) {
    await client.query(
      `/* keep_line_${table} */ delete from ${table} where tenant = $1 and ${column} = any ($2::text[])`,
      [tenant, gone],
    );
  }
  return gone.length;
}
