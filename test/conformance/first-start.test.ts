// The first start of an embedded database: it is unpacked, not made; it is this home's own; and it survives to be killed meanwhile.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startEmbedded } from '../../src/base/embedded-database/embedded.ts';
import { unfinished } from '../../src/base/embedded-database/make-database.ts';
import { preparedPath } from '../../src/base/embedded-database/prepared-path.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { type Database, openDatabase } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { migrate, migrationNames } from '../../src/control/store/migrate.ts';
import { RETRIEVAL_DEFAULTS } from '../../src/worker/handlers/retrieval/retrieval-settings.ts';
import { openPassageDatabase } from '../../src/worker/handlers/retrieval/store/open-database.ts';
import { bubblewrap, whyNotIsolated } from '../support/bubblewrap.ts';
import { part, unit } from '../support/units.ts';

const HANG_MS = 120_000;
const SUPPORT = join(import.meta.dirname, '../support');
const CONTROL = 'global/pg_control';
const closers: (() => Promise<unknown>)[] = [];
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'bowline-test-first-'));
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await rm(root, { recursive: true, force: true });
});

const folderOf = (name: string) => join(root, name);

async function open(name: string): Promise<Database> {
  const troubles: string[] = [];
  const database = await openDatabase({ embedded: folderOf(name) }, { onTrouble: (problem) => troubles.push(problem) });
  closers.push(() => database.close());
  expect(troubles).toEqual([]);
  return database;
}

/** Runs a program of support/ to its end. */
async function run(program: string, args: string[]): Promise<{ output: string; signal: NodeJS.Signals | null }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  closers.push(async () => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  const signal = await new Promise<NodeJS.Signals | null>((resolve) =>
    child.once('close', (_, signal) => resolve(signal)),
  );
  return { output, signal };
}

const makeUntil = (data: string, before = 'never') =>
  run(process.execPath, [join(SUPPORT, 'make-until-killed.ts'), data, before]);

async function mustCommit(database: Database): Promise<void> {
  const { status } = await new PgEventStore(database).commit(unit('t', [part('s', 0, ['x'])]));
  expect(status).toBe('committed');
}

test('it has all tables, and loses nothing when it is opened again', { timeout: HANG_MS }, async () => {
  const database = await open('home');
  expect(await migrate(database.db)).toEqual([]);
  await mustCommit(database);
  await database.close();
  closers.pop();
  expect((await new PgEventStore(await open('home')).load('t', 's')).version).toBe(1);
});

test('two homes are private, and have all in common but what must tell them apart', { timeout: HANG_MS }, async () => {
  const [one, two] = ['one', 'two'].map((name) => join(folderOf(name), 'data')) as [string, string];
  for (const data of [one, two]) {
    await mkdir(join(data, '..'));
    expect((await makeUntil(data)).signal).toBe(null);
  }
  const shared = readdirSync(one, { recursive: true, encoding: 'utf8' }).filter(
    (path) => (statSync(join(one, path)).mode & 0o077) !== 0,
  );
  expect(shared).toEqual([]);
  const paths = readdirSync(one, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(one, path)).isFile(),
  );
  const different = paths.filter((path) => !readFileSync(join(one, path)).equals(readFileSync(join(two, path))));
  expect(different.sort()).toEqual([CONTROL, expect.stringMatching(/^pg_wal\/[0-9A-F]{24}$/)]);
  // The identifier, the nonce, and the checksum over both.
  expect(differences(one, two, CONTROL)).toEqual([
    { from: expect.toSatisfy((at) => at < 8), to: expect.toSatisfy((at) => at <= 8) },
    { from: expect.toSatisfy((at) => at > 64), to: expect.toSatisfy((at) => at < 300) },
  ]);
  expect(nonceOf(one).equals(nonceOf(two))).toBe(false);
  const identifiers: string[] = [];
  for (const name of ['one', 'two']) {
    // The engine checks the checksum, and that its log is that of this system.
    const database = await open(name);
    const { rows } = await database.pool.query('select system_identifier::text as id from pg_control_system()');
    identifiers.push(rows[0].id);
    const { rows: states } = await database.pool.query(
      'select signing_key, epoch_base, recovered_at from control_state',
    );
    expect(states).toEqual([{ signing_key: null, epoch_base: 0, recovered_at: null }]);
  }
  expect(new Set(identifiers).size).toBe(2);
});

test('nothing but the names of the migrations is in the tables of a fresh home', { timeout: HANG_MS }, async () => {
  const { pool } = await open('home');
  const { rows: tables } = await pool.query(
    `select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`,
  );
  const filled: string[] = [];
  for (const { name } of tables) {
    const { rows } = await pool.query(`select from "${name}" limit 1`);
    if (rows.length > 0) filled.push(name);
  }
  expect(filled).toEqual(['control_state', 'expansion', 'kysely_migration', 'kysely_migration_lock']);
});

test('killed before any change of the disk, it is whole after the next start', { timeout: HANG_MS }, async () => {
  const { output } = await makeUntil(folderOf('counted'));
  const calls = Number(output);
  expect(calls).toBeGreaterThan(400);
  const points = [0, 1, 30, calls >> 1, calls - 2, calls - 1];
  for (const before of points) {
    const home = folderOf(`killed-${before}`);
    await mkdir(home);
    const data = join(home, 'data');
    expect((await makeUntil(data, String(before))).signal).toBe('SIGKILL');
    expect(existsSync(data)).toBe(false);
    expect(existsSync(unfinished(data))).toBe(before > 0);
  }
  // What was left by the first, the middle and the last kill, with the engine as judge.
  for (const before of [0, calls >> 1, calls - 1]) {
    const database = await open(`killed-${before}`);
    await mustCommit(database);
    expect(existsSync(unfinished(join(folderOf(`killed-${before}`), 'data')))).toBe(false);
    await database.close();
    closers.pop();
  }
});

test('where the prepared one is damaged the engine makes one, says so, and an older home is as it was', {
  timeout: HANG_MS,
}, async () => {
  const file = join(root, 'prepared.zst');
  await copyFile(preparedPath('control'), file);
  await truncate(file, statSync(file).size - 1);
  const troubles: string[] = [];
  const embedded = await startEmbedded(folderOf('home'), {
    holds: 'all',
    prepared: { file, tables: migrationNames },
    onTrouble: (problem) => troubles.push(problem),
    stuckMs: HANG_MS,
  });
  const client = new pg.Client(embedded.connection);
  await client.connect();
  await client.query('select 1');
  await client.end();
  await embedded.close();
  expect(troubles).toEqual([expect.stringContaining(`the prepared database ${file} cannot be used`)]);
  // So were homes made before there were prepared databases.
  const database = await open('home');
  expect(await migrate(database.db)).toEqual([...migrationNames]);
  await mustCommit(database);
});

test('the database of retrieval has its tables, and its role, which is no superuser', {
  timeout: HANG_MS,
}, async () => {
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => warnings.push(message) };
  const database = await openPassageDatabase(folderOf('retrieval'), RETRIEVAL_DEFAULTS, log);
  closers.push(() => database.close());
  expect(warnings).toEqual([]);
  await database.within('t', 'look', async ({ trx }) => {
    expect(await trx.selectFrom('collection').selectAll().execute()).toEqual([]);
  });
  const { rows } = await database.alone((client) =>
    client.query(
      'select rolsuper, extversion from pg_roles, pg_extension where rolname = current_user and extname = $1',
      ['vector'],
    ),
  );
  expect(rows).toEqual([{ rolsuper: false, extversion: expect.stringMatching(/^0\.8/) }]);
});

const isolated = await whyNotIsolated();

test.skipIf(isolated)(
  'on a disk that is too small it says so, and leaves nothing half made',
  {
    timeout: HANG_MS,
  },
  async () => {
    await mkdir(folderOf('small'));
    const size = String(8 << 20);
    const view = ['--dev-bind', '/', '/', '--size', size, '--tmpfs', folderOf('small')];
    const { output } = await run(await bubblewrap(), [
      ...view,
      process.execPath,
      join(SUPPORT, 'open-until-full.ts'),
      folderOf('small'),
    ]);
    const { reason, left } = JSON.parse(output);
    expect(reason).toBe('DISK_FULL');
    expect(left.filter((name: string) => /data/.test(name) && !/^database\./.test(name))).toEqual([]);
  },
);

test('beside the programs it is in dist/', () => {
  expect(preparedPath('control', 'file:///app/dist/chunk-1.mjs')).toBe('/app/dist/prepared-control.zst');
  expect(preparedPath('control', 'file:///app/src/base/embedded-database/prepared-path.ts')).toBe(
    '/app/dist/prepared-control.zst',
  );
});

/** Stretches of bytes that differ, those closer than eight bytes as one. */
function differences(one: string, two: string, path: string): { from: number; to: number }[] {
  const [a, b] = [one, two].map((data) => readFileSync(join(data, path))) as [Buffer, Buffer];
  const found: { from: number; to: number }[] = [];
  for (const at of a.keys()) {
    if (a[at] === b[at]) continue;
    const last = found.at(-1);
    if (last && at - last.to < 8) last.to = at + 1;
    else found.push({ from: at, to: at + 1 });
  }
  return found;
}

/** What stands between the last field of Postgres 18 before it and its padding, 40 bytes before the end of what is used. */
function nonceOf(data: string): Buffer {
  const control = readFileSync(join(data, CONTROL));
  return control.subarray(0x101, 0x121);
}
