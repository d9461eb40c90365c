// The embedded database as a process lives with it: killed, locked, broken beneath, and bundled.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { besideEntry } from '../../src/base/beside-entry.ts';
import { startEmbedded } from '../../src/base/embedded-database/embedded.ts';
import { type Database, openDatabase } from '../../src/control/store/database.ts';
import { PgEventStore } from '../../src/control/store/event-store.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import { part, text, unit } from '../support/units.ts';

const HANG_MS = 60_000;
const root = join(import.meta.dirname, '../..');
const closers: (() => Promise<unknown>)[] = [];
let template: string;
let folder: string;

// Making a database takes seconds; copying one does not.
beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), 'bowline-test-lite-'));
  await (await openDatabase({ embedded: template })).close();
}, HANG_MS);

afterAll(() => rm(template, { recursive: true, force: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bowline-test-lite-'));
  await cp(join(template, 'data'), join(folder, 'data'), { recursive: true });
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

const open = async (onTrouble?: (problem: string) => void): Promise<Database> => {
  const database = await openDatabase({ embedded: folder }, onTrouble ? { onTrouble } : {});
  closers.push(() => database.close());
  return database;
};

/** Starts the committing process and resolves with it once it has acknowledged `lines` more commits. */
async function committer(lines: number): Promise<{ child: ChildProcess; last: () => number }> {
  const child = spawn(process.execPath, [join(root, 'test/support/commit-until-killed.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closers.push(async () => child.kill('SIGKILL'));
  let last = 0;
  let seen = 0;
  const output = createInterface({ input: child.stdout! });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the committing process ended')));
    output.on('line', (line) => {
      last = Number(line);
      if (++seen === lines) resolve();
    });
  });
  return { child, last: () => last };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await gone;
}

test('kill -9 loses no acknowledged commit, and what the dead process left is not in the way', {
  timeout: HANG_MS,
}, async () => {
  let acknowledged = 0;
  for (const lines of [1, 40, 150]) {
    const { child, last } = await committer(lines);
    await kill(child);
    expect(last()).toBeGreaterThan(acknowledged);
    acknowledged = last();
    expect(existsSync(join(folder, 'data/postmaster.pid'))).toBe(true);
  }
  const leftover = readFileSync(join(folder, 'socket-folder'), 'utf8');
  expect(existsSync(leftover)).toBe(true);
  const database = await open();
  expect(existsSync(leftover)).toBe(false);
  const { version, events } = await new PgEventStore(database).load('t', 's');
  // One more may have been committed whose acknowledgement was not read.
  expect(version - acknowledged).toBeOneOf([0, 1]);
  expect(events.map((event) => text(event.data))).toEqual(events.map((_, n) => `e${n + 1}`));
});

test('a folder in use is refused with who has it, and is free when that process is gone', {
  timeout: HANG_MS,
}, async () => {
  const { child } = await committer(1);
  await expect(openDatabase({ embedded: folder })).rejects.toMatchObject({
    reason: 'HOME_LOCKED',
    metadata: { pid: String(child.pid) },
  });
  await kill(child);
  const first = await open();
  await expect(openDatabase({ embedded: folder })).rejects.toMatchObject({ reason: 'HOME_LOCKED' });
  await first.close();
  closers.pop();
  await (await openDatabase({ embedded: folder })).close();
});

test('the folder and the socket are for this user only, and the socket is gone after closing', {
  timeout: HANG_MS,
}, async () => {
  const database = await open();
  const sockets = readFileSync(join(folder, 'socket-folder'), 'utf8');
  expect(statSync(sockets).mode & 0o777).toBe(0o700);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  await database.close();
  closers.pop();
  expect(existsSync(sockets)).toBe(false);
});

test('a folder that holds no database of ours is an error, not a wait', { timeout: HANG_MS }, async () => {
  await rm(join(folder, 'data'), { recursive: true });
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'data/PG_VERSION'), '9\n');
  await expect(openDatabase({ embedded: folder })).rejects.toMatchObject({ reason: 'DATABASE_UNUSABLE' });
});

test('a database that is damaged is named with what is lost, and never made anew over what is there', {
  timeout: HANG_MS,
}, async () => {
  const kept = (name: string) => join(folder, 'data', name);
  for (const damage of [
    () => rm(kept('PG_VERSION')),
    () => writeFile(kept('global/pg_control'), Buffer.alloc(8192, 0xa5)),
  ]) {
    await rm(folder, { recursive: true });
    await cp(join(template, 'data'), join(folder, 'data'), { recursive: true });
    await damage();
    await expect(open()).rejects.toMatchObject({
      reason: 'DATABASE_UNUSABLE',
      message: expect.stringMatching(new RegExp(`${folder}.*restore.*move it away.*devices.*keys.*are lost`)),
    });
  }
});

test('a broken connection is made again, with its prepared statements, and commits go on', {
  timeout: HANG_MS,
}, async () => {
  const database = await open();
  await migrate(database.db);
  const store = new PgEventStore(database);
  for (let version = 0; version < 5; version++) {
    expect((await store.commit(unit('t', [part('s', version, ['x'])]))).status).toBe('committed');
    const client = await database.pool.connect();
    client.release(true);
  }
});

test('a database that breaks beneath its server is started again, and commits go on', {
  timeout: HANG_MS,
}, async () => {
  const troubles: string[] = [];
  const database = await open((problem) => troubles.push(problem));
  await migrate(database.db);
  const store = new PgEventStore(database);
  expect((await store.commit(unit('t', [part('s', 0, ['a'])]))).status).toBe('committed');
  // Overflows the stack of the WebAssembly module.
  const breaking = database.pool.query(`select '${'['.repeat(200_000)}'::json`).catch(() => {});
  const next = await store.commit(unit('t', [part('s', 1, ['b'])]));
  expect(['committed', 'duplicate']).toContain(next.status);
  await breaking;
  expect((await store.load('t', 's')).version).toBe(2);
  expect(troubles).toContain('a statement ended without an answer');
});

test('a statement without an end is ended with its thread, which is started again', { timeout: HANG_MS }, async () => {
  let tell: (problem: string) => void = () => {};
  const trouble = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const embedded = await startEmbedded(folder, { holds: 'all', onTrouble: tell, stuckMs: 1000 });
  closers.push(() => embedded.close());
  const pool = new pg.Pool({ ...embedded.connection, max: 1 });
  closers.push(() => pool.end());
  pool.on('error', () => {});
  await expect(pool.query('select count(*) from generate_series(1, 1e12)')).rejects.toThrow();
  expect(await trouble).toBe('a statement ran for too long');
  for (;;) {
    const answer = await pool.query('select 1 as one').catch(() => undefined);
    if (answer) break;
  }
});

test.each([
  [undefined, '16MB'],
  [4 << 20, '4MB'],
])('with %s bytes for pages Postgres has %s, and few sessions', async (cacheBytes, shared) => {
  const embedded = await startEmbedded(folder, {
    holds: 'all',
    onTrouble: () => {},
    stuckMs: 60_000,
    ...(cacheBytes === undefined ? {} : { cacheBytes }),
  });
  closers.push(() => embedded.close());
  const pool = new pg.Pool({ ...embedded.connection, max: 1 });
  closers.push(() => pool.end());
  const { rows } = await pool.query(
    "select current_setting('shared_buffers') as shared, current_setting('max_connections') as most",
  );
  expect(rows).toEqual([{ shared, most: '8' }]);
});

test('run from dist/, the bundled database finds its bundled worker', { timeout: HANG_MS }, async () => {
  expect(besideEntry('file:///app/src/base/embedded-database/embedded-thread.ts', 'embedded-worker').pathname).toBe(
    '/app/src/base/embedded-database/embedded-worker.ts',
  );
  expect(besideEntry('file:///app/dist/chunk-program.cjs', 'embedded-worker').pathname).toBe(
    '/app/dist/embedded-worker.mjs',
  );
  // Inside the project, so that packages resolve as they do from dist/.
  await mkdir(join(root, 'node_modules/.cache'), { recursive: true });
  const dist = await mkdtemp(join(root, 'node_modules/.cache/bowline-dist-'));
  closers.push(() => rm(dist, { recursive: true, force: true }));
  await build({
    absWorkingDir: root,
    entryPoints: {
      database: 'src/control/store/database.ts',
      'embedded-worker': 'src/base/embedded-database/embedded-worker.ts',
    },
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  const program = `import { openDatabase } from ${JSON.stringify(pathToFileURL(join(dist, 'database.mjs')).href)};
    const database = await openDatabase({ embedded: ${JSON.stringify(folder)} });
    console.log((await database.pool.query('select 41 + 1 as n')).rows[0].n);
    await database.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closers.push(async () => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
  expect(output).toBe('42\n');
});
