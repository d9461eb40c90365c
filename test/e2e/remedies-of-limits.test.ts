// What errors about limits, paths, homes, keys and joins tell to do, done as it is printed. test/support/remedies.ts says which test runs which.
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { eventually } from '../support/control-plane.ts';
import type { Program } from '../support/program.ts';
import { Stack } from '../support/stack.ts';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

let stack: Stack;
let edge: Program;

beforeAll(async () => {
  stack = await Stack.create({ 'notes.md': '# Notes\n' });
  stack.write('home/config.yaml', 'name: kitchen\nlimits: {asks: 1}\n');
  await stack.control();
  edge = await stack.edge();
});

afterAll(() => stack?.close());

const commandsIn = (text: string): string[] =>
  [...text.replace(/\s+/g, ' ').matchAll(/`bowline ([^`]+)`/g)].map(([, command]) => command!);

const type = (command = '', options = {}) => stack.cli(command.split(' '), options);
const joinLine = async (command = 'devices join-token') => (await type(command)).stdout;

async function restart(...words: string[]): Promise<void> {
  await edge.stop();
  edge = await stack.edge(...words);
}

test('asks beyond their number are taken after one was cancelled, and with the setting that the error names', async () => {
  const ask = () => stack.cli(['ask', '--no-wait', '有人吗？']);
  const first = await ask();
  expect(first.code, first.stderr).toBe(4);
  const full = await ask();
  expect(full.stderr).toMatch(/raise limits\.asks in config\.yaml.*\(QUEUE_FULL\)/s);
  expect((await type(commandsIn(full.stderr)[0])).stdout).toContain('有人吗');
  await stack.cli(['runs', 'cancel', first.stdout.trim()]);
  await eventually(async () => (await ask()).code === 4, 30_000);
  expect((await ask()).stderr).toContain('(QUEUE_FULL)');
  stack.write('home/config.yaml', 'name: kitchen\nlimits: {asks: 9}\n');
  await restart();
  expect(await ask()).toMatchObject({ code: 4 });
});

test('a path that is not allowed is read with the flag that its error names', async () => {
  stack.write('elsewhere/plan.md', '# 计划\n');
  const file = JSON.stringify({ path: join(stack.dir, 'elsewhere/plan.md') });
  const read = () => stack.cli(['call', 'fs.Read', '--data', file]);
  const refused = await read();
  expect(refused).toMatchObject({ code: 5, stderr: expect.stringMatching(/with --allow .*\(PATH_NOT_ALLOWED\)/s) });
  await restart('--allow', join(stack.dir, 'elsewhere'));
  expect(await read()).toMatchObject({ code: 0 });
});

test('a command that is stopped for its time goes on to its end with the setting that the error names', async () => {
  const argv = ['sleep', '1.5'];
  const withSeconds = async (seconds: number) => {
    const allow = `allow: {execute: [{argv: ${JSON.stringify(argv)}, confirm: never, output: share, isolation: none}]}`;
    stack.write('home/config.yaml', `name: kitchen\nlimits: {command_seconds: ${seconds}}\n${allow}\n`);
    await restart();
  };
  const run = () => stack.cli(['call', 'shell.Run', '--data', JSON.stringify({ argv })]);
  await withSeconds(1);
  const stopped = await run();
  expect(stopped.stderr).toMatch(/limits\.command_seconds in config\.yaml.*\(COMMAND_TIMED_OUT\)/s);
  await withSeconds(60);
  expect(await run()).toMatchObject({ code: 0 });
});

test('a home that is in use is left alone with the flag that its error names', async () => {
  const second = stack.start('control', ['--port', '0']);
  await second.ended;
  expect(second.stderr).toMatch(/use another --home.*\(HOME_LOCKED\)/s);
  const other = stack.start('control', ['--port', '0', '--home', join(stack.dir, 'other-control')]);
  await other.ready();
  await other.stop();
});

test('without the owner key the variable that the error names is enough', async () => {
  const key = join(stack.home, 'owner.key');
  const moved = join(stack.dir, 'moved.key');
  renameSync(key, moved);
  try {
    const missing = await type('devices ls');
    expect(missing.stderr).toMatch(/BOWLINE_OWNER_KEY_FILE.*\(OWNER_KEY_MISSING\)/s);
    expect(await type('devices ls', { env: { BOWLINE_OWNER_KEY_FILE: moved } })).toMatchObject({ code: 0 });
  } finally {
    renameSync(moved, key);
  }
});

test('a join with a name that is taken, or a home that has not joined, works as its error says', async () => {
  const home = join(stack.dir, 'new-home');
  mkdirSync(home);
  const start = (input?: string, ...words: string[]) =>
    stack.start('edge', ['--home', home, '--allow', stack.docs, ...words], input);
  const failed = async (program: Program, reason: string) => {
    expect((await program.ended).code, program.output).not.toBe(0);
    expect(program.stderr).toContain(`(${reason})`);
    return commandsIn(program.stderr);
  };
  const [make, join_] = await failed(start(), 'NOT_JOINED');
  expect(join_).toBe(`edge --home ${home} --join`);
  const [again] = await failed(start('nonsense\n', '--join'), 'JOIN_LINE_INVALID');
  expect(again).toBe(make);
  const [remove] = await failed(start(await joinLine(make), '--join', '--name', 'kitchen'), 'DEVICE_NAME_TAKEN');
  expect(await type(remove)).toMatchObject({ code: 0 });
  const joined = start(await joinLine(make), '--join', '--name', 'kitchen');
  expect(await joined.ready()).toMatchObject({ connection: 'connected' });
  await joined.stop();
});

test('a worker whose key allows too little works with the key that its error makes, and brings the model that was missing', async () => {
  const make = async (words: string) => stack.write('worker.key', (await type(words)).stdout, 0o600);
  const worker = (serve: string) =>
    stack.start('worker', [
      ...['--home', join(stack.dir, 'worker'), '--serve', serve, '--control', stack.url],
      ...['--key-file', join(stack.dir, 'worker.key')],
    ]);
  await make('workers create-key small --package embed');
  const refused = worker('llm');
  await refused.until(/does not allow/);
  const [command = ''] = commandsIn(refused.output);
  expect(command).toBe('workers create-key NAME --package PACKAGE');
  await refused.stop();
  const status = async () => JSON.parse((await type('status --json')).stdout).health.conditions;
  expect(await status()).toContainEqual(
    expect.objectContaining({ reason: 'NO_MODEL', message: expect.stringContaining('`bowline worker --serve llm`') }),
  );
  await make(command.replace('NAME', 'large').replace('PACKAGE', 'llm'));
  const good = worker('llm');
  await good.ready();
  await eventually(async () => !JSON.stringify(await status()).includes('NO_MODEL'), 30_000);

  // Its key is revoked: it says so, and the command that it tells makes another one.
  const keys = JSON.parse((await type('keys ls --json')).stdout) as { id: string; name: string }[];
  await type(`keys revoke ${keys.find(({ name }) => name === 'large')?.id} --yes`);
  await good.until(/was revoked/);
  const again = commandsIn(good.output).at(-1) ?? '';
  expect(again).toBe('workers create-key NAME --package llm');
  await good.stop();
  await make(again.replace('NAME', 'next'));
  await worker('llm').ready();
});

test('a model that nobody has is looked up in the listing that the error names', async () => {
  const unknown = await type('models test nope');
  expect(unknown.stderr).toContain('(MODEL_UNKNOWN)');
  expect(await type(commandsIn(unknown.stderr)[0])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('rules'),
  });
});

test('the listings that hints name are there', async () => {
  const source = readFileSync('src/cli/report-error.ts', 'utf8');
  const all = [...source.matchAll(/: bowline ([\w -]+)'/g)].map(([, words = '']) => words);
  // `up` is what test/e2e/up.test.ts starts; the code of `status` says whether all is well, and here something is not.
  const listings = [...new Set(all)].filter((words) => !words.startsWith('up ') && words !== 'status');
  expect(listings.length).toBeGreaterThan(6);
  const ends = await Promise.all(listings.map(async (words) => [words, (await type(words)).code]));
  expect(ends).toEqual(listings.map((words) => [words, 0]));
});
