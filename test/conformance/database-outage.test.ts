// What openDatabase and the event store do while Postgres is not there: at start, in mid-run, and when it refuses.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { migrate } from '../../src/control/store/migrate.ts';
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
  expect(said).toEqual(['ECONNREFUSED']);
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
