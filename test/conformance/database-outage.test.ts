// What openDatabase and the event store do while Postgres is not there: at start, in mid-run, and when it refuses.
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import { createOutbox } from '../../src/control/store/outbox.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { part, text, unit } from '../support/units.ts';

const HANG_MS = 30_000;
let server: TestPostgres;
let proxy: TcpProxy;
let through: string;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);

afterAll(() => server?.stop(), 60_000);

beforeEach(async () => {
  const url = new URL(server.url);
  proxy = new TcpProxy({ host: url.hostname, port: Number(url.port) });
  await proxy.listen();
  url.port = String(proxy.port);
  through = url.href;
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await proxy.cut();
});

const open = async (options: Parameters<typeof openDatabase>[1] = {}): Promise<Database> => {
  const database = await openDatabase(through, options);
  closers.push(() => database.close());
  return database;
};

test('a database that is not there yet is waited for, and that is said once', { timeout: HANG_MS }, async () => {
  await proxy.cut();
  const said: string[] = [];
  let tell: (() => void) | undefined;
  const waiting = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const onWaiting = (problem: string) => {
    said.push(problem);
    tell?.();
  };
  const opening = open({ onWaiting });
  await waiting;
  await proxy.listen();
  expect((await opening).kind).toBe('postgres');
  expect(said).toEqual([expect.stringMatching(/ECONNREFUSED/)]);
});

test('waiting ends when it is told to', { timeout: HANG_MS }, async () => {
  await proxy.cut();
  const stop = new AbortController();
  const opening = openDatabase(through, { signal: stop.signal, onWaiting: () => stop.abort() });
  await expect(opening).rejects.toMatchObject({ reason: 'CANCELED' });
});

test('a server that answers and will not have us is an error at once', { timeout: HANG_MS }, async () => {
  for (const [from, to] of [
    [':test@', ':wrong@'],
    [/\/postgres$/, '/none'],
    [/^postgres:/, 'mysql:'],
    [/.*/, 'nonsense'],
  ] as const) {
    await expect(openDatabase(through.replace(from, to))).rejects.toMatchObject({ reason: 'DATABASE_UNUSABLE' });
  }
});

test('commits sent during an outage are each committed once when it is over', { timeout: HANG_MS }, async () => {
  const troubles: string[] = [];
  const database = await open({ onTrouble: (problem) => troubles.push(problem) });
  await migrate(database.db);
  const store = new PgEventStore(database);
  closers.push(() => store.close());
  const send = (n: number) => store.commit(unit('outage', [part(`s${n}`, 0, [`e${n}`])]));
  const sent = Array.from({ length: 50 }, (_, n) => send(n));
  await sent[0];
  const cut = proxy.cut();
  for (let n = 50; n < 100; n++) sent.push(send(n));
  await cut;
  await proxy.listen();
  const statuses = (await Promise.all(sent)).map((result) => result.status);
  expect(statuses.every((status) => status === 'committed' || status === 'duplicate')).toBe(true);
  for (let n = 0; n < 100; n++) {
    expect((await store.load('outage', `s${n}`)).events.map((event) => text(event.data))).toEqual([`e${n}`]);
  }
});

test('a database that stays away gives an error that says to ask again, and asking again finds the outcome', {
  timeout: HANG_MS,
}, async () => {
  const database = await open({ statementTimeoutMs: 1000 });
  await migrate(database.db);
  const store = new PgEventStore(database, { giveUpMs: 0 });
  closers.push(() => store.close());
  const sent = unit('away', [part('s', 0, ['x'])]);
  // Opens the connection that the next commit will use.
  await store.commit(unit('away', [part('first', 0, ['x'])]));
  // The statement arrives and is committed, its answer never comes back.
  proxy.silence(true);
  await expect(store.commit(sent)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE', retryable: true });
  proxy.silence(false);
  await proxy.cut();
  await proxy.listen();
  const again = await store.commit(sent);
  expect(again.status === 'duplicate' && text(again.outcome)).toBe(`done ${sent.commandId}`);
});

test('a connection that breaks while it is lent ends nothing but what is sent on it', {
  timeout: HANG_MS,
}, async () => {
  const database = await open();
  const lent = await database.pool.connect();
  const ended = new Promise((resolve) => lent.once('end', resolve));
  await proxy.cut();
  await ended;
  await expect(lent.query('select 1')).rejects.toThrow();
  lent.release(true);
  await proxy.listen();
  await expect(database.pool.query('select 1')).resolves.toMatchObject({ rowCount: 1 });
});

/** Commits one event to each stream, says when the first is there, and expects each exactly once afterwards. */
async function commitThrough(
  options: Parameters<typeof openDatabase>[1],
  tenant: string,
  trouble: (database: Database) => Promise<unknown>,
): Promise<void> {
  const database = await open(options);
  await database.patiently(migrate);
  const store = new PgEventStore(database);
  closers.push(() => store.close());
  const names = Array.from({ length: 60 }, (_, n) => `s${n}`);
  const commit = (name: string) => store.commit(unit(tenant, [part(name, 0, [name])]));
  await Promise.all(names.slice(0, 20).map(commit));
  const during = names.slice(20, 40).map(commit);
  const over = trouble(database);
  during.push(...names.slice(40).map(commit));
  await over;
  for (const { status } of await Promise.all(during)) expect(['committed', 'duplicate']).toContain(status);
  for (const name of names) {
    expect((await store.load(tenant, name)).events.map((event) => text(event.data))).toEqual([name]);
  }
}

test('a server that is killed in the middle and started again costs no commit and doubles none', {
  timeout: 60_000,
}, async () => {
  await commitThrough({}, 'killed', () => server.restart());
});

test('connections that the server ends one after the other are replaced', { timeout: HANG_MS }, async () => {
  await commitThrough({}, 'ended', async () => {
    const other = new pg.Client({ connectionString: server.url });
    await other.connect();
    for (let round = 0; round < 5; round++) {
      await other.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'bowline'`);
    }
    await other.end();
  });
});

test('a way that swallows everything for a while, and breaks nothing, is given up and taken anew by itself', {
  timeout: 60_000,
}, async () => {
  await commitThrough({ statementTimeoutMs: 1_000, connectTimeoutMs: 500 }, 'swallowed', async (database) => {
    proxy.silence('both');
    // Fails once the client has waited for longer than the server may take.
    await expect(database.pool.query('select 1')).rejects.toThrow();
    proxy.silence(false);
  });
});

test('reads find a way around connections that never answer again, in the store and in its readers', {
  timeout: 60_000,
}, async () => {
  const database = await open({ statementTimeoutMs: 1_000, connectTimeoutMs: 500, maxConnections: 1 });
  await database.patiently(migrate);
  const store = new PgEventStore(database, { readTimeoutMs: 500 });
  closers.push(() => store.close());
  const outbox = createOutbox(database.db);
  await store.commit(unit('reads', [part('s', 0, ['x'])]));
  expect(await outbox.check(['none'])).toEqual([]);
  proxy.silence('both');
  await expect(outbox.check(['none'])).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  proxy.silence(false);
  // Not on the connection that hung.
  expect(await outbox.check(['none'])).toEqual([]);
  proxy.silence('both');
  const loading = store.load('reads', 's');
  await expect(outbox.check(['none'])).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  proxy.silence(false);
  expect((await loading).version).toBe(1);
});

test('a server that stands still and goes on later has each commit once', { timeout: 60_000 }, async () => {
  await commitThrough({ statementTimeoutMs: 1_000, connectTimeoutMs: 500 }, 'still', async (database) => {
    await server.pause();
    try {
      await expect(database.pool.query('select 1')).rejects.toThrow();
    } finally {
      await server.resume();
    }
  });
});

test('a server without a free connection is waited for', { timeout: HANG_MS }, async () => {
  const other = new pg.Client({ connectionString: server.url });
  await other.connect();
  closers.push(() => other.end());
  await other.query(`create role narrow login password 'test' superuser connection limit 1`);
  await other.query('alter role narrow nosuperuser');
  const narrow = new URL(through);
  narrow.username = 'narrow';
  const holder = new pg.Client({ connectionString: narrow.href });
  await holder.connect();
  const said: string[] = [];
  let tell: (() => void) | undefined;
  const waiting = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const opening = openDatabase(narrow.href, {
    maxConnections: 1,
    onWaiting: (problem) => {
      said.push(problem);
      tell?.();
    },
  });
  await waiting;
  await holder.end();
  await (await opening).close();
  expect(said).toEqual([expect.stringMatching(/max_connections/)]);
});

test('both sides look after their connections, and commits have less time than other statements', {
  timeout: HANG_MS,
}, async () => {
  const database = await open({ statementTimeoutMs: 20_000, maxConnections: 3 });
  const show = async (pool: pg.Pool, name: string) => (await pool.query(`show ${name}`)).rows[0]?.[name];
  expect(await show(database.pool, 'statement_timeout')).toBe('20s');
  expect(await show(database.pool, 'idle_in_transaction_session_timeout')).toBe('20s');
  expect(await show(database.commitPool, 'statement_timeout')).toBe('8s');
  expect(Number(await show(database.pool, 'tcp_keepalives_idle'))).toBe(15);
  expect(
    await database.patiently(
      async (db) =>
        (await sql<{ statement_timeout: string }>`show statement_timeout`.execute(db)).rows[0]?.statement_timeout,
    ),
  ).toBe('0');
  await Promise.all(Array.from({ length: 12 }, () => database.pool.query('select pg_sleep(0.01)')));
  expect(database.pool.totalCount).toBe(3);
});
