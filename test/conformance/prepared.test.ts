// Hot statements are prepared once per connection, and live on when another replica migrates the table beneath them.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Database, openDatabase } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import { createOutbox } from '../../src/control/store/outbox.ts';
import { createTimers } from '../../src/control/store/timers.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { dispatch, part, unit } from '../support/units.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

let server: TestPostgres;
let database: Database;
let store: PgEventStore;

beforeAll(async () => {
  server = await startPostgres();
  database = await openDatabase(server.url, { maxConnections: 1 });
  await database.patiently(migrate);
  store = new PgEventStore(database);
});

afterAll(async () => {
  await store?.close();
  await database?.close();
  await server?.stop();
});

async function readAll(): Promise<void> {
  const outbox = createOutbox(database.db);
  expect((await outbox.check(['r/0/0-1'])).length).toBe(1);
  expect((await outbox.claim('me', ['r/0/0-1'])).length).toBe(1);
  expect((await outbox.free('bowline.capability.llm.v1', 't', 10)).length).toBe(0);
  expect((await outbox.lines('bowline.capability.llm.v1', '', 10, 10)).length).toBe(0);
  expect(await outbox.pendingForDevices('t', ['d'])).toEqual([]);
  expect(await outbox.pendingForDevice('t', 'd')).toEqual([]);
  expect(await outbox.cancellingForDevice('t', 'd')).toEqual([]);
  expect((await store.load('t', 'r')).version).toBe(1);
  expect(await store.outcome('t', 'test', 'none')).toBeUndefined();
  await createTimers(database.db).due(10);
}

test('a hot statement is prepared at its first use, and not again', async () => {
  await store.commit(unit('t', [part('r', 0, ['x'])], { outbox: [dispatch('r/0/0-1', 'r')] }));
  await readAll();
  const prepared = async () =>
    (await database.pool.query<{ name: string }>('select name from pg_prepared_statements order by name')).rows;
  const first = await prepared();
  const names = first.map(({ name }) => name.replace(/_\d+$/, ''));
  const hot = [
    'inbox_outcome',
    'outbox_cancelling',
    'outbox_check',
    'outbox_device',
    'outbox_devices',
    'outbox_free',
    'outbox_hold',
    'outbox_lines',
    'stream_load',
    'timers_due',
  ];
  expect(names).toEqual(hot);
  await readAll();
  expect(await prepared()).toEqual(first);
});

test('a column that another replica adds does not break what is prepared', async () => {
  const other = await openDatabase(server.url);
  await other.pool.query('alter table outbox add column later text');
  await other.pool.query('alter table streams add column later text');
  await other.close();
  await readAll();
  expect((await store.commit(unit('t', [part('r', 1, ['y'])]))).status).toBe('committed');
});
