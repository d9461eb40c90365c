// Migrations on Postgres, by several replicas at once, after an older version, and in a database of a newer one.
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type Database, type DatabaseOptions, openDatabase } from '../../src/control/store/database.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import { first } from '../../src/control/store/migrations/0001-first.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { eventually } from './eventually.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: TestPostgres;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startPostgres();
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

afterAll(() => server?.stop());

async function open(url: string, options: DatabaseOptions = {}): Promise<Database> {
  const database = await openDatabase(url, { maxConnections: 2, ...options });
  closers.push(() => database.close());
  return database;
}

const applied = async ({ pool }: Database): Promise<string[]> =>
  (
    await pool.query<{ name: string }>(
      'select name from kysely_migration union all select name from expansion order by name',
    )
  ).rows.map(({ name }) => name);

test('of replicas that start together on an empty database one migrates, and all go on', async () => {
  const url = await server.createDatabase('together');
  const replicas = await Promise.all(Array.from({ length: 8 }, () => open(url)));
  const done = await Promise.all(replicas.map((database) => database.patiently(migrate)));
  const all = await applied(replicas[0]!);
  expect(all.length).toBeGreaterThanOrEqual(4);
  expect(done.flat().sort()).toEqual(all);
  expect(await replicas[7]!.patiently(migrate)).toEqual([]);
});

test('a database of an older version is brought up to date with what is in it', async () => {
  const database = await open(await server.createDatabase('older'));
  const old = new Migrator({ db: database.db, provider: { getMigrations: async () => ({ '0001-first': first }) } });
  expect((await old.migrateToLatest()).error).toBeUndefined();
  await database.pool.query(`insert into tenant (id, name) values ('t', 'kept')`);
  expect((await database.patiently(migrate))[0]).toBe('0002-replicas');
  expect((await database.pool.query('select id, name from tenant')).rows).toEqual([{ id: 't', name: 'kept' }]);
});

test('a database of a newer version is refused, and nothing in it is changed', async () => {
  const database = await open(await server.createDatabase('newer'));
  await database.patiently(migrate);
  await database.pool.query(`insert into kysely_migration values ('9999-later', '2099-01-01T00:00:00.000Z')`);
  const before = await applied(database);
  await expect(database.patiently(migrate)).rejects.toMatchObject({
    reason: 'DATABASE_NEWER',
    message: expect.stringMatching(/newer version/),
  });
  expect(await applied(database)).toEqual(before);
});

test('what a newer version only added is no obstacle', async () => {
  const database = await open(await server.createDatabase('expanded'));
  await database.patiently(migrate);
  await database.pool.query(`insert into expansion (name) values ('9999-later')`);
  const before = await applied(database);
  expect(await database.patiently(migrate)).toEqual([]);
  expect(await applied(database)).toEqual(before);
});

test('no statement timeout cuts a migration, nor the wait for another replica that migrates', async () => {
  const url = await server.createDatabase('slow');
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  closers.push(() => other.end());
  const database = await open(url, { statementTimeoutMs: 100 });
  // What the other replica holds while it migrates.
  await other.query('select pg_advisory_lock(3853314791062309107)');
  let done = false;
  const migrating = database.patiently(migrate).then((names) => {
    done = true;
    return names;
  });
  await eventually('it waits for the lock', async () => {
    const waiting = await other.query(`select from pg_locks where locktype = 'advisory' and not granted`);
    return waiting.rowCount === 1;
  });
  // Several times the limit of other statements, as the server counts it.
  await other.query('select pg_sleep(0.5)');
  expect(done).toBe(false);
  await other.query('select pg_advisory_unlock_all()');
  expect((await migrating).length).toBeGreaterThanOrEqual(4);
});

test('a migration whose connection breaks is made again from the start', async () => {
  const url = await server.createDatabase('broken');
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  closers.push(() => other.end());
  const said: string[] = [];
  const database = await open(url, { onWaiting: (problem) => said.push(problem) });
  await other.query('select pg_advisory_lock(3853314791062309107)');
  const migrating = database.patiently(migrate);
  await eventually('its connection was ended while it waits', async () => {
    const ended = await other.query(
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and not granted`,
    );
    return ended.rowCount === 1;
  });
  await other.query('select pg_advisory_unlock_all()');
  expect((await migrating).length).toBeGreaterThanOrEqual(4);
  expect(said.length).toBe(1);
});
