// Control plane, worker and edge apart, with a slow model: what the command line does while one of them is away, when it is
// interrupted, and when its time is over.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { eventually } from '../support/control-plane.ts';
import type { Program } from '../support/program.ts';
import { SlowModel } from '../support/slow-model.ts';
import { Stack } from '../support/stack.ts';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let stack: Stack;
let model: SlowModel;
let control: Program;
let worker: Program;

beforeAll(async () => {
  stack = await Stack.create({ 'notes.md': '# Notes\n' });
  model = new SlowModel({ pauseMs: 200 });
  await model.listen();
  stack.write('home/models.yaml', model.config, 0o600);
  control = await stack.control();
  worker = await stack.worker();
  await stack.edge();
});

afterAll(async () => {
  await stack?.close();
  await model?.close();
});

const queue = async (): Promise<Record<string, unknown>[]> =>
  JSON.parse((await stack.cli(['queue', 'ls', '--json'])).stdout);

const showRun = async (run: string) => JSON.parse((await stack.cli(['runs', 'show', run, '--json'])).stdout);

test('the first Ctrl-C cancels the run', async () => {
  const ask = stack.spawnCli(['ask', 'Talk slowly.']);
  await ask.until('word2');
  ask.signal('SIGINT');
  expect((await ask.ended).code).toBe(6);
  expect(ask.stderr).toContain('cancelling');
  const [newest] = JSON.parse((await stack.cli(['runs', 'ls', '--json'])).stdout);
  expect(newest).toMatchObject({ text: 'Talk slowly.', state: 'cancelled' });
});

test('a second Ctrl-C leaves at once and tells the run id', async () => {
  const ask = stack.spawnCli(['ask', 'Talk slowly again.']);
  await ask.until('word2');
  ask.signal('SIGINT');
  await ask.until('cancelling');
  ask.signal('SIGINT');
  await ask.ended;
  const [newest] = JSON.parse((await stack.cli(['runs', 'ls', '--json'])).stdout);
  expect(newest.text).toBe('Talk slowly again.');
  // The cancel may have been quicker than the second signal.
  if (newest.state !== 'cancelled') expect(ask.output).toContain(newest.id);
});

test('an ask that takes longer than its time ends as timed out, on both sides', async () => {
  const { code, stdout } = await stack.cli(['ask', '--json', '--timeout', '1200ms', 'Talk for long.']);
  expect(code).toBe(7);
  const { id: runId } = JSON.parse(stdout);
  expect(await showRun(runId)).toMatchObject({ state: 'timed_out' });
});

test('a run that no worker can serve says so at once, and is answered when one comes', async () => {
  await worker.stop();
  const ask = stack.spawnCli(['ask', 'Is anyone there?']);
  await ask.until(/no worker|worker --serve/i);
  worker = await stack.worker();
  expect((await ask.ended).code).toBe(0);
  expect(ask.stdout).toContain('about: Is anyone there?');
});

test('while the control plane is down an ask waits on the box, and is answered when it is back', async () => {
  await control.kill();
  const late = await stack.cli(['ask', '--timeout', '500ms', 'Too late.']);
  // What is told of it is what became of it: nothing waits to be sent.
  expect([late.code, late.stderr]).toEqual([7, expect.stringContaining('timed out')]);
  expect(late.stderr).not.toContain('will be sent');
  // It stays on the list, as what became of it, until the owner has seen it and takes it off.
  const [missed] = await queue();
  expect(missed).toMatchObject({ text: 'Too late.', sent: false, failure: { reason: 'DEADLINE_EXCEEDED' } });
  expect((await stack.cli(['queue', 'ls'])).stdout).toMatch(/ended: the deadline passed after 0\.5 s/);
  expect(await stack.cli(['queue', 'rm', String(missed?.id)])).toMatchObject({ code: 0 });
  expect(await queue()).toEqual([]);
  expect(await stack.cli(['queue', 'rm', String(missed?.id)])).toMatchObject({ code: 6 });

  const ask = stack.spawnCli(['ask', 'Are you back?']);
  await ask.until('waiting');
  const queued = JSON.parse((await stack.cli(['queue', 'ls', '--json'])).stdout);
  expect(queued).toContainEqual(expect.objectContaining({ text: 'Are you back?', sent: false }));
  const status = await stack.cli(['status']);
  expect(status.stdout + status.stderr).toMatch(/offline|not connected|cannot be reached|nothing answers/);
  const call = await stack.cli(['call', 'fs.Stat', '--data', '{"path":"docs/notes.md"}']);
  expect(call.code).toBe(6);

  control = await stack.control();
  expect((await ask.ended).code).toBe(0);
  expect(ask.stdout).toContain('about: Are you back?');
});

test('how long a command waits is not how long the ask lives, also over an edge that is killed', async () => {
  await control.kill();
  const left = await stack.cli(['ask', '--wait', '300ms', 'Who left?']);
  expect([left.code, left.stderr]).toEqual([4, expect.stringContaining('will be sent by itself')]);
  const withdrawn = await stack.cli(['ask', '--no-wait', 'Never mind.']);
  const short = await stack.cli(['ask', '--no-wait', '--timeout', '3s', 'Only now.']);
  expect([short.code, short.stderr]).toEqual([4, expect.stringMatching(/ends at .* without an answer/)]);
  expect(await stack.cli(['queue', 'rm', withdrawn.stdout.trim()])).toMatchObject({ code: 0 });
  expect((await queue()).map(({ text }) => text)).toEqual(['Who left?', 'Only now.']);

  await stack.running('edge').kill();
  await stack.edge();
  // Its time is counted from when it was asked, over the start.
  await eventually(async () => (await queue()).some(({ failure }) => failure), 20_000);
  expect((await queue()).map(({ text, failure }) => [text, failure !== undefined && failure !== null])).toEqual([
    ['Who left?', false],
    ['Only now.', true],
  ]);
  const long = await stack.cli(['ask', '--no-wait', '--timeout', '20h', 'Any time.']);
  control = await stack.control();
  await eventually(async () => (await queue()).every(({ failure }) => failure), 30_000);
  for (const run of [left.stderr.match(/run (\S+) is queued/)?.[1], long.stdout.trim()]) {
    expect(await showRun(String(run))).toMatchObject({ state: 'answered' });
  }
});

test('without an edge the command line says what to start', async () => {
  const empty = await Stack.create();
  try {
    const { code, stderr } = await empty.cli(['ask', 'Hello?']);
    expect(code).toBe(6);
    expect(stderr).toContain('bowline up');
    expect(stderr).toContain(empty.home);
  } finally {
    await empty.close();
  }
});

test('SIGTERM ends each program within its time and with code 0', async () => {
  const ends = [];
  for (const verb of ['worker', 'edge', 'control']) {
    const program = stack.running(verb);
    ends.push([verb, (await program.stop()).code]);
  }
  expect(ends).toEqual([
    ['worker', 0],
    ['edge', 0],
    ['control', 0],
  ]);
});
