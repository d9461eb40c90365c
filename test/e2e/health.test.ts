// Whatever stops an answer is told: in `status` and its exit code, in `health`, by an ask while it waits, and in --json. What a home is not
// meant to run is not missed there.
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { eventually } from '../support/control-plane.ts';
import { CliRun } from '../support/run-cli.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { Stack } from '../support/stack.ts';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 });

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function stackIn(name?: string): Promise<Stack> {
  const stack = await Stack.create({ 'notes.md': '# Launch on Friday\n' }, name === undefined ? {} : { name });
  closing.push(() => stack.close());
  return stack;
}

/** What `status` says of a home: its verdict, and the reasons of what stands in the way. */
async function health(stack: Stack, home = stack.home) {
  const [{ code, stdout }, alone] = await Promise.all([
    stack.cli(['--home', home, 'status', '--json']),
    stack.cli(['--home', home, 'health']),
  ]);
  const { health } = JSON.parse(stdout);
  return {
    codes: [code, alone.code],
    roles: health.roles,
    ok: health.ok,
    stops: health.conditions
      .filter(({ stops }: { stops: boolean }) => stops)
      .map(({ reason }: { reason: string }) => reason),
  };
}

const well = (stack: Stack, home?: string) =>
  eventually(async () => {
    const seen = await health(stack, home);
    return seen.ok && seen.codes.every((code) => code === 0) ? seen : undefined;
  }, 30_000);
const notWell = (stack: Stack, home?: string) =>
  eventually(async () => {
    const seen = await health(stack, home);
    return !seen.ok && !seen.codes.includes(0) ? seen : undefined;
  }, 30_000);

const WELL = { ok: true, codes: [0, 0], stops: [] };

const disk = SmallDisk.mount(400);
disk?.unmount();

test.skipIf(!disk)(
  'a full disk is told by each of them, with what to do, and that done all goes on by itself',
  async () => {
    const small = SmallDisk.mount(400);
    closing.push(() => small?.unmount());
    const stack = await stackIn(join(String(small?.folder), 'b-'));
    await stack.up();
    expect(await health(stack)).toEqual({ ...WELL, roles: ['control', 'edge'] });

    small?.fill();
    expect(await notWell(stack)).toMatchObject({ ok: false, codes: [6, 6], stops: ['CONTROL_DISK_FULL'] });
    const begin = (words: string[]) => new CliRun(words, { cwd: stack.dir, home: stack.home, input: '' });
    // One that nobody takes does not leave before its call is over.
    const there = begin(['runs', 'ask', 'Hello?']);
    closing.push(() => there.child.kill('SIGKILL'));
    const [ask, again] = await Promise.all([
      stack.cli(['ask', '--wait', '6s', 'When is the launch?']),
      stack.cli(['ask', '--json', '--wait', '6s', 'And when else?']),
      there.until('the disk of the control plane is full'),
    ]);
    there.child.kill('SIGKILL');
    expect([ask.code, ask.stderr]).toEqual([4, expect.stringContaining('the disk of the control plane is full')]);
    expect(ask.stderr).toContain('Free some space there');
    const waitsFor = expect.stringContaining('the disk of the control plane is full');
    expect(JSON.parse(again.stdout)).toMatchObject({ waitsFor });

    // Whatever asks one of the sides says what it waits for.
    const verbs = [
      ['docs', 'add', stack.docs],
      ['docs', 'ls'],
      ['docs', 'search', 'launch'],
      ['call', 'fs.List'],
    ];
    const waiting = verbs.map(begin);
    for (const run of waiting)
      await run.until(/waiting for an answer from http.*the disk of the control plane is full/);

    small?.free();
    await well(stack);
    // The documents are on the same disk: their worker may have met that first, and says so.
    for (const run of waiting)
      if ((await run.ended) !== 0) expect(run.stderr).toContain('disk is full (HOME_UNUSABLE)');
    expect(await waiting.at(-1)?.ended).toBe(0);
    await eventually(async () => JSON.parse((await stack.cli(['queue', 'ls', '--json'])).stdout).length === 0, 60_000);
    expect(await health(stack)).toEqual({ ...WELL, roles: ['control', 'edge'] });
  },
);

test('each home is well by what it runs: a control plane, a box that joined, a worker; and not when that is not so', async () => {
  const stack = await stackIn();
  const empty = join(stack.dir, 'empty');
  expect(await health(stack, empty)).toMatchObject({ ok: false, roles: [], stops: ['HOME_EMPTY'] });

  // A control plane alone answers nothing: nobody has a model.
  let control = await stack.control();
  expect(await health(stack)).toMatchObject({ ok: false, roles: ['control'], stops: ['NO_MODEL'] });
  // It reads no folder.
  const looked = async (home: string) => {
    const { stdout } = await stack.cli(['--home', home, 'doctor', '--json']);
    return (JSON.parse(stdout).findings as { check: string }[]).map(({ check }) => check);
  };
  expect(await looked(stack.home)).not.toContain('config');
  stack.write('worker.key', (await stack.cli(['workers', 'create-key', 'w', '--package', 'llm'])).stdout, 0o600);
  const workerHome = join(stack.dir, 'worker');
  const words = [
    '--home',
    workerHome,
    '--serve',
    'llm',
    '--key-file',
    join(stack.dir, 'worker.key'),
    '--control',
    stack.url,
  ];
  const worker = stack.start('worker', words);
  await worker.ready();
  expect(await well(stack)).toEqual({ ...WELL, roles: ['control'] });
  expect(await health(stack, workerHome)).toEqual({ ...WELL, roles: ['worker'] });

  const line = (await stack.cli(['devices', 'join-token', '--name', 'pi'])).stdout;
  const box = join(stack.dir, 'box');
  const edge = stack.start('edge', ['--home', box, '--allow', stack.docs, '--join'], line);
  await edge.ready();
  expect(await well(stack, box)).toEqual({ ...WELL, roles: ['edge'] });

  // Away: the box and the worker say so, each for itself.
  await control.kill();
  expect(await notWell(stack, box)).toMatchObject({ codes: [6, 6], stops: ['CONTROL_UNREACHABLE'] });
  // A box has no port, and what it lacks is started elsewhere.
  const checks = await looked(box);
  expect(checks).toContain('config');
  expect(checks).not.toContain('port');
  expect((await stack.cli(['--home', box, 'runs', 'ls'])).stderr).not.toContain('bowline up --allow');
  expect(await notWell(stack, workerHome)).toMatchObject({ codes: [6, 6], stops: ['WORKER_OFFLINE'] });
  expect(await health(stack)).toMatchObject({ codes: [6, 6], stops: ['NOT_RUNNING'] });
  control = await stack.control();
  for (const home of [stack.home, box, workerHome]) await well(stack, home);

  // Without a model the box knows why nothing is answered, and an ask says it.
  await worker.kill();
  expect(await notWell(stack, box)).toMatchObject({ stops: ['NO_MODEL'] });
  expect(await health(stack, workerHome)).toMatchObject({ stops: ['WORKER_NOT_RUNNING'] });
  const ask = await stack.cli(['--home', box, 'ask', '--wait', '3s', '有人吗？']);
  expect([ask.code, ask.stderr]).toEqual([
    4,
    expect.stringMatching(/no worker with a language model|No worker is connected/),
  ]);
});

test('a device that is suspended, and one whose edge does not run, are told as that', async () => {
  const stack = await stackIn();
  await stack.control();
  await stack.worker();
  const edge = await stack.edge('--name', 'pi');
  await well(stack);
  await stack.cli(['devices', 'suspend', 'pi']);
  expect(await notWell(stack)).toMatchObject({ stops: ['DEVICE_SUSPENDED'] });
  await stack.cli(['devices', 'resume', 'pi']);
  await well(stack);
  await edge.stop();
  expect(await health(stack)).toMatchObject({ ok: false, stops: ['NOT_RUNNING'] });
});
