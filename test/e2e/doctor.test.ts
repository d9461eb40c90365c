// What `doctor` finds, each in the situation that it tells of; the remedy that it prints is typed as it stands, and then it finds nothing.
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startPostgres } from '../support/postgres.ts';
import { Program } from '../support/program.ts';
import { startRedis } from '../support/redis.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { Stack } from '../support/stack.ts';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const run = promisify(execFile);
interface Finding {
  readonly check: string;
  readonly state: string;
  readonly text: string;
  readonly remedy?: string;
}

let stack: Stack;
let started: Program | undefined;
beforeEach(async () => {
  stack = await Stack.create({ 'notes.md': '# Notes\n' });
  stack.env.BOWLINE_PORT = String(stack.port);
});
afterEach(async () => {
  await started?.stop();
  started = undefined;
  await stack.close();
});

async function doctor() {
  const { code, stdout, stderr } = await stack.cli(['doctor', '--json']);
  // On a busy machine it is told that it is waited for.
  expect(stderr).not.toContain('error');
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  expect(code).toBe(ok ? 0 : 6);
  return { ok, of: (check: string) => findings.filter((each) => each.check === check) };
}

/** A remedy of ours as the line of a shell, with `bowline` on the path. */
function line(remedy: string | undefined): string {
  expect(remedy).toMatch(/^(?:bowline|chmod) /);
  stack.write(
    'bin/bowline',
    `#!/bin/sh\nexec '${process.execPath}' '${join(dirname(import.meta.dirname), '../dist/client.cjs')}' "$@"\n`,
    0o755,
  );
  return remedy!.replace('FOLDER', `'${stack.docs}'`);
}

const env = () => ({
  ...stack.env,
  HOME: stack.dir,
  PATH: `${join(stack.dir, 'bin')}:${process.env.PATH}`,
  BOWLINE_HOME: stack.home,
});
const type = async (remedy: string | undefined) =>
  await run('sh', ['-c', line(remedy)], { cwd: stack.dir, env: env() });

/** A remedy that runs until it is stopped. */
async function keepRunning(remedy: string | undefined): Promise<void> {
  started = new Program('up', ['sh', '-c', `exec ${line(remedy)}`], { cwd: stack.dir, env: env() });
  await started.ready();
}

test('a home of which nothing is there yet: what may be read is told first, then how to start, and then all is well', async () => {
  const before = await doctor();
  expect(before.ok).toBe(false);
  for (const check of ['node', 'packages', 'disk', 'port', 'model', 'home'])
    expect(before.of(check)).toMatchObject([{ state: 'ok' }]);
  await type(before.of('config')[0]?.remedy);
  const after = await doctor();
  expect(after.of('config')).toMatchObject([{ state: 'ok', text: expect.stringContaining(stack.docs) }]);
  expect(after.of('programs')).toMatchObject([{ text: 'not running: edge and control plane', remedy: 'bowline up' }]);
  await keepRunning(after.of('programs')[0]?.remedy);
  const running = await doctor();
  expect(running.ok).toBe(true);
  for (const check of ['edge', 'control', 'clock', 'model']) expect(running.of(check)).toMatchObject([{ state: 'ok' }]);
  const told = await stack.cli(['doctor']);
  expect(told).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok {5}edge /m) });
});

test('a port that another program has: the remedy starts on another one', async () => {
  stack.write('home/config.yaml', `allow:\n  read:\n    - ${stack.docs}\n`, 0o600);
  const other = createServer();
  await new Promise<void>((listening) => other.listen(stack.port, '127.0.0.1', listening));
  try {
    const { of } = await doctor();
    expect(of('port')).toMatchObject([{ state: 'fault', remedy: 'bowline up --port 0' }]);
    await keepRunning(of('port')[0]?.remedy);
    expect((await doctor()).ok).toBe(true);
  } finally {
    other.close();
  }
});

test('a home and keys that others can read: the remedies close them', async () => {
  mkdirSync(join(stack.home, 'keys'), { mode: 0o700 });
  stack.write('home/keys/claude', 'secret\n', 0o644);
  stack.write('home/owner.key', 'secret\n', 0o640);
  chmodSync(stack.home, 0o755);
  const found = (await doctor()).of('home');
  expect(found.map(({ state }) => state)).toEqual(['fault', 'fault', 'fault']);
  for (const { remedy } of found) await type(remedy);
  expect((await doctor()).of('home')).toMatchObject([{ state: 'ok' }]);
});

test('a model that does not answer, or has no key: the remedy goes back to the one that is built in', async () => {
  for (const entry of [
    `provider: openai-compatible, model: x, base_url: "http://127.0.0.1:${stack.port}/v1"`,
    'provider: anthropic, model: x, key: "env:NO_SUCH_KEY"',
  ]) {
    stack.write('home/models.yaml', `default: mine\nmodels:\n  mine: { ${entry} }\n`, 0o600);
    const [model] = (await doctor()).of('model');
    expect(model).toMatchObject({ state: 'fault', text: expect.stringContaining('mine: ') });
    await type(model?.remedy);
    expect((await doctor()).of('model')).toMatchObject([{ state: 'ok' }]);
  }
});

test('a mistake in the configuration is told with its line; services that are configured are asked, and no password is told', async () => {
  stack.write('home/config.yaml', 'allow:\n  raed: []\n', 0o600);
  stack.env.DATABASE_URL = `postgres://me:hidden@127.0.0.1:${stack.port}/none`;
  stack.env.REDIS_URL = `redis://:hidden@127.0.0.1:${stack.port}`;
  const { of } = await doctor();
  expect(of('config')).toMatchObject([{ state: 'fault', text: expect.stringMatching(/config\.yaml:2:3/) }]);
  for (const check of ['postgres', 'redis'])
    expect(of(check)).toMatchObject([{ state: 'fault', text: 'does not answer: ECONNREFUSED' }]);
  expect(of('config')[0]?.remedy).toBe('mend the line, or remove it');
  stack.write('home/config.yaml', '', 0o600);
  const after = (await doctor()).of('config');
  expect(after).toMatchObject([{ text: 'no folder may be read' }]);
  await type(after[0]?.remedy);
  expect((await doctor()).of('config')).toMatchObject([{ state: 'ok' }]);
});

test('URLs that are none are told, without what stands in them', async () => {
  stack.env.DATABASE_URL = 'postgres://me:hid den@[';
  stack.env.REDIS_URL = 'redis://:hidden@[';
  const { ok, of } = await doctor();
  expect(ok).toBe(false);
  for (const check of ['postgres', 'redis'])
    expect(of(check)).toMatchObject([{ state: 'fault', text: expect.not.stringContaining('hid') }]);
});

test('a home in which nothing can be read is told of, each thing for itself', async () => {
  for (const name of ['config.yaml', 'models.yaml', 'owner.key', 'device.json', 'control.json', 'workers'])
    mkdirSync(join(stack.home, name), { recursive: true, mode: 0o700 });
  stack.write('home/control.lock', '', 0o600);
  const { ok, of } = await doctor();
  expect(ok).toBe(false);
  for (const check of ['config', 'model']) expect(of(check)).toMatchObject([{ state: 'fault' }]);
  for (const check of ['node', 'packages', 'disk']) expect(of(check)).toMatchObject([{ state: 'ok' }]);
});

test('programs without their packages: what is missing is named, and after the installation nothing is', async () => {
  const dist = join(dirname(import.meta.dirname), '../dist');
  const bare = join(stack.dir, 'bare');
  cpSync(dist, join(bare, 'dist'), {
    recursive: true,
    filter: (file) => file === dist || /(?:chunk-)?worker-program[^/]*$/.test(file),
  });
  const packages = async () => {
    const words = [join(bare, 'dist/worker-program.cjs'), 'doctor', '--json'];
    const { stdout } = await run(process.execPath, words, { env: env() }).catch((error: { stdout: string }) => error);
    return (JSON.parse(stdout) as { findings: Finding[] }).findings.filter(({ check }) => check === 'packages');
  };
  expect(await packages()).toMatchObject([
    { state: 'fault', text: expect.stringContaining('@electric-sql/pglite'), remedy: expect.stringContaining('npm') },
  ]);
  symlinkSync(join(dist, '../node_modules'), join(bare, 'node_modules'));
  expect(await packages()).toMatchObject([{ state: 'ok' }]);
});

test('what stands in the way of answers is told as `status` tells it; a home without an edge misses none', async () => {
  started = stack.start('control', []);
  await started.ready();
  const { code, stdout } = await stack.cli(['status', '--json']);
  expect(code).toBe(6);
  const { health } = JSON.parse(stdout) as { health: { conditions: { side: string; message: string }[] } };
  const { of } = await doctor();
  expect(health.conditions.map(({ side }) => side)).toEqual(['control']);
  expect(of('control').map(({ text }) => text)).toEqual(health.conditions.map(({ message }) => message));
  expect(of('programs')).toEqual([]);
  await started.stop();
  expect((await doctor()).of('programs')).toMatchObject([
    { text: 'not running: control plane', remedy: 'bowline control' },
  ]);
});

test('a disk on which little room is left is told, and one that is full; with room again it is well', async (context) => {
  const small = SmallDisk.mount(520);
  if (!small) return context.skip('this user may mount no disk');
  try {
    const home = join(small.folder, 'home');
    const disk = async () => {
      const { stdout } = await stack.cli(['doctor', '--json', '--home', home]);
      return (JSON.parse(stdout) as { findings: Finding[] }).findings.filter(({ check }) => check === 'disk');
    };
    expect(await disk()).toMatchObject([{ state: 'ok' }]);
    small.fill(100 << 20);
    expect(await disk()).toMatchObject([{ state: 'warning', remedy: expect.stringContaining('--home FOLDER') }]);
    small.free();
    small.fill(10 << 20);
    expect(await disk()).toMatchObject([{ state: 'fault', text: expect.stringContaining('takes no writes') }]);
    small.free();
    expect(await disk()).toMatchObject([{ state: 'ok' }]);
  } finally {
    small.unmount();
  }
});

test('Postgres and Redis that are away are told, and once they are started nothing is', async () => {
  const [database, queue] = await Promise.all([startPostgres(), startRedis()]);
  try {
    stack.env.DATABASE_URL = database.url;
    stack.env.REDIS_URL = queue.url;
    const both = async (state: string) => {
      const { of } = await doctor();
      for (const check of ['postgres', 'redis']) expect(of(check)).toMatchObject([{ state }]);
    };
    await both('ok');
    await Promise.all([database.kill(), queue.kill()]);
    await both('fault');
    await Promise.all([database.restart(), queue.restart()]);
    await both('ok');
  } finally {
    await Promise.all([database.stop(), queue.stop()]);
  }
});
