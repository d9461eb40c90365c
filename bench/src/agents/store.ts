// The event store alone, in a process of its own: the two commits of a one-job run, as the orchestrator makes them, on a
// database that holds nothing or a million events.
import { Client } from 'pg';
import { newId } from '../../../src/base/ids.ts';
import { openDatabase } from '../../../src/control/store/database.ts';
import { PgEventStore } from '../../../src/control/store/event-store.ts';
import { migrate } from '../../../src/control/store/migrate.ts';
import { createOutbox, type Outbox } from '../../../src/control/store/outbox.ts';
import { createTimers, type Timers } from '../../../src/control/store/timers.ts';
import type { CommitUnit, StreamPart } from '../../../src/control/store/unit.ts';
import { dispatch, jobRow, runRow, unit } from '../../../test/support/units.ts';
import { serveAgent } from '../harness/agent.ts';
import { type LatencyArgs, latencies } from '../harness/load.ts';

const TENANT = 'bench';
/** Bytes of one event, about the middle of real ones. */
const EVENT = new Uint8Array(160).fill(7);
const events = (count: number) => Array.from({ length: count }, () => ({ type: 'bench', data: EVENT }));
/** Events of one run and its conversation. */
export const EVENTS_PER_RUN = 8;

/** What is stored stands so many times, under other ids. */
const COPIES = 20;
const COLUMNS = {
  streams: ['id'],
  events: ['stream'],
  conversation: ['id'],
  run: ['id', 'conversation'],
  job: ['run'],
};
const COPY = `do $$ declare columns text; chosen text; begin
  ${Object.entries(COLUMNS)
    .map(
      ([table, ids]) => `
    select string_agg(quote_ident(attname), ', ' order by attnum), string_agg(case when attname in (${ids.map((id) => `'${id}'`).join(', ')})
        then quote_ident(attname) || ' || ''-'' || copy' else quote_ident(attname) end, ', ' order by attnum)
      into columns, chosen from pg_attribute where attrelid = '${table}'::regclass and attnum > 0 and not attisdropped;
    execute format('insert into ${table} (%s) select %s from ${table}, generate_series(2, ${COPIES}) copy', columns, chosen);`,
    )
    .join('')}
end $$`;

let store: PgEventStore;
let timers: Timers;
let outbox: Outbox;

async function commit(parts: StreamPart[], more: Partial<CommitUnit>): Promise<void> {
  const result = await store.commit(unit(TENANT, parts, more));
  if (result.status !== 'committed') throw new Error(`a commit was ${result.status}`);
}

async function run(dueInMs = 600_000): Promise<void> {
  const [id, conversation] = [newId(), newId()];
  const job = `${id}/0/0`;
  const parts = (expected: number, ofRun: number): StreamPart[] => [
    { stream: id, kind: 'run', expected: expected * ofRun, events: events(ofRun) },
    { stream: conversation, kind: 'conversation', expected, events: events(1) },
  ];
  const title = { tenant: TENANT, id: conversation, title: 'what?', waiting: [], device: 'd1' };
  await commit(parts(0, 3), {
    outbox: [dispatch(`${job}-1`, id, { job })],
    timers: [{ id: `${id}/deadline`, stream: id, kind: 'deadline', dueInMs }],
    conversations: [{ ...title, activeRun: id, turns: 1 }],
    runs: [runRow(TENANT, id, { conversation })],
    jobs: [jobRow(TENANT, id, job)],
  });
  await commit(parts(1, 3), {
    outboxDone: [`${job}-1`],
    timersDone: [`${id}/deadline`],
    conversations: [{ ...title, activeRun: null, turns: 1 }],
    runs: [runRow(TENANT, id, { conversation, state: 'answered', answer: 'done', endedAt: 1_790_000_000_900 })],
    jobs: [jobRow(TENANT, id, job, { state: 'done', endedAt: 1_790_000_000_800 })],
  });
}

serveAgent({
  connect: async ({ url }: { url: string }) => {
    const database = await openDatabase(url);
    await migrate(database.db);
    store = new PgEventStore(database);
    timers = createTimers(database.db);
    outbox = createOutbox(database.db);
  },
  /** Runs until about a twentieth of so many events are there, and copies of them by the database for the rest. */
  fill: async ({ url, events: wanted }: { url: string; events: number }) => {
    let left = Math.ceil(wanted / EVENTS_PER_RUN / COPIES);
    const one = async () => {
      while (left-- > 0) await run();
    };
    await Promise.all(Array.from({ length: 400 }, one));
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(COPY);
    } finally {
      await client.end();
    }
  },
  /** So many runs, each with a timer that is due when it has been removed. */
  pass: async ({ runs }: { runs: number }) => {
    let left = runs;
    const one = async () => {
      while (left-- > 0) await run(1);
    };
    await Promise.all(Array.from({ length: 200 }, one));
  },
  timersLook: async (args: LatencyArgs) => {
    // The first look reads all.
    await timers.due(200);
    return latencies(async () => {
      await timers.nextDue();
      await timers.due(200);
    }, args);
  },
  backlogLook: (args: LatencyArgs) => latencies(() => outbox.survey(1_000, 256), args),
  latency: (args: LatencyArgs) => latencies(() => run(), args),
});
