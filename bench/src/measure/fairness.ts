// What a tenant with a long line costs another one: the waits of one who asks once a second, alone and beside thousands of another's; and
// the time in which the store says whose job is next, with 100,000 waiting and with none beside those that are taken.
import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { hashKey, newKey } from '../../../src/control/identity/keys.ts';
import { chooseFair, FairTurns } from '../../../src/control/routing/fair.ts';
import { type Database, openDatabase } from '../../../src/control/store/database.ts';
import { migrate } from '../../../src/control/store/migrate.ts';
import { createOutbox, placeInLine } from '../../../src/control/store/outbox.ts';
import { workerKey } from '../harness/lab.ts';
import { type Bench, interleave, type Measure, ofRounds, type Row, setUp } from '../harness/measure.ts';
import { percentile } from '../harness/stats.ts';

const LLM = 'bowline.capability.llm.v1';
const SLOTS = 8;
/** Of one job. */
const JOB_MS = 100;
const EVERY_MS = 1_000;
/** Asks of one edge that are sent at once. */
const BURST = 500;

const site = setUp('fairness site', async ({ lab }) => {
  const { stack, database = '' } = await lab.control('servers', { name: 'fair' });
  const key = newKey('owner');
  await withClient(database, async (client) => {
    await client.query(`insert into tenant (id, name) values ('other', 'other')`);
    await client.query(
      `insert into api_key (id, tenant, hash, kind, scopes) values ('other', 'other', $1, 'owner', '{}')`,
      [hashKey(key)],
    );
  });
  const [worker, many, one] = [await lab.agent('steady-worker'), await lab.agent('edge'), await lab.agent('edge')];
  await worker.call('connect', { url: stack.url, key: workerKey(stack.home), slots: SLOTS, ms: JOB_MS });
  await many.call('connect', { url: stack.url, ownerKey: stack.ownerKey, name: 'many' });
  await one.call('connect', { url: stack.url, ownerKey: key, name: 'one' });
  return { database, worker, many, one };
});

const lines = setUp('fairness lines', async ({ lab }) => {
  const [long, empty] = [await openLines(await lab.database('lines')), await openLines(await lab.database('lines'))];
  lab.onClose(async () => void (await Promise.all([long.close(), empty.close()])));
  await fill(long, 'many', 100_000);
  await long.pool.query('vacuum analyze outbox');
  return { long, empty };
});

export const fairness: Measure = {
  name: 'fairness',
  what: 'the wait of a tenant beside one with thousands of jobs waiting; the time of a dispatch with 100,000 waiting',
  prepare: (bench) => Promise.all([site.prepare(bench), lines.prepare(bench)]),
  run: async (bench: Bench) => [...(await waits(bench)), ...(await dispatches(bench))],
};

async function waits(bench: Bench): Promise<Row[]> {
  const { quick } = bench;
  const { database, worker, many, one } = await site.take(bench);
  const queued = quick ? 600 : 10_000;
  const count = quick ? 6 : 40;
  const paced = () => one.call<number[]>('paced', { ask: 'hello', count, everyMs: EVERY_MS });
  await one.call('latency', { ask: 'hello', ms: 1_000 });
  const alone = await paced();
  const floods: Promise<unknown>[] = [];
  const waiting = () =>
    withClient(database, async (client) => {
      const { rows } = await client.query(
        `select count(*)::int as n from outbox where tenant <> 'other' and holder is null`,
      );
      return Number(rows[0].n);
    });
  // In bursts that one edge may send. They end with their process: nobody waits for all of them.
  for (let asked = 0; asked < queued; ) {
    const burst = { ask: 'hello', ms: 600_000, inFlight: Math.min(BURST, queued - asked) };
    floods.push(many.call('rate', burst).catch(() => {}));
    asked += burst.inFlight;
    while ((await waiting()) < asked - 3 * SLOTS) await wait(100);
  }
  const beside = await paced();
  for (const agent of [many, one, worker]) await agent.stop();
  await Promise.all(floods);
  const figure = (label: string, samples: readonly number[]) => ({
    ...ofRounds(label, 'ms', [percentile(samples, 95)]),
    p95: percentile(samples, 95),
  });
  return [
    {
      measure: 'fairness',
      what: `an ask each second beside ${queued} of another tenant, p95`,
      ours: figure('Bowline', beside),
      peers: [figure('alone', alone)],
      budget: { atMost: 3 },
    },
  ];
}

async function dispatches(bench: Bench): Promise<Row[]> {
  const { quick } = bench;
  const { long, empty } = await lines.take(bench);
  const sides = (rounds: number) => ({ long: () => dispatch(long, rounds), empty: () => dispatch(empty, rounds) });
  await interleave(1, sides(20));
  const times = await interleave(quick ? 5 : 11, sides(quick ? 40 : 300));
  return [
    {
      measure: 'fairness',
      what: 'the next jobs from the store, each of 8, 100,000 waiting',
      ours: ofRounds('Bowline', 'us', times.long),
      peers: [ofRounds('none waiting', 'us', times.empty)],
      budget: { atMost: 1.2 },
    },
  ];
}

/** Of each job, in microseconds: they are read, chosen and claimed by eight. Those that are taken are put there and removed beside it. */
async function dispatch(database: Database, rounds: number): Promise<number> {
  const outbox = createOutbox(database.db);
  const turns = new FairTurns(new Map());
  let spent = 0;
  for (let round = 0; round < rounds; round++) {
    await fill(database, 'few', SLOTS);
    const start = performance.now();
    const rows = await outbox.lines(LLM, '', 64, SLOTS);
    const groups = [...Map.groupBy(rows, ({ tenant }) => tenant).values()];
    const waiting = groups.map((line) => line.map((row) => ({ ...row, placeAt: placeInLine(row) })));
    const chosen = chooseFair(waiting, turns, Date.now(), SLOTS);
    const taken = await outbox.claim(
      'bench',
      chosen.map(({ dispatchId }) => dispatchId),
    );
    spent += performance.now() - start;
    if (taken.length !== SLOTS) throw new Error(`${taken.length} of ${SLOTS} were taken`);
    for (const row of taken) turns.serve(row);
    await database.pool.query(`delete from outbox where holder = 'bench' or tenant = 'few'`);
  }
  return (spent / rounds / SLOTS) * 1_000;
}

async function openLines(url: string): Promise<Database> {
  const database = await openDatabase(url, { maxConnections: 2 });
  await database.patiently(migrate);
  return database;
}

let filled = 0;
async function fill({ pool }: Database, tenant: string, count: number): Promise<void> {
  await pool.query(
    `insert into outbox (dispatch_id, tenant, run, job, epoch, capability, tier, target, selector, recipients, slots, priority, state)
     select 'd' || $2::int || '-' || n, $1, 'r' || n, 'r' || n || '/0/0', 1, '${LLM}', 0, 'worker', '{}', '{}', 1, 0, 'ready'
     from generate_series(1, $3::int) n`,
    [tenant, ++filled, count],
  );
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
