// What an error tells to do, done as a person would: the commands are taken from the words of the error, and work.
import { execFile } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { eventually } from '../support/control-plane.ts';
import type { Program } from '../support/program.ts';
import { built, Stack } from '../support/stack.ts';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const run = promisify(execFile);
let stack: Stack;
let control: Program;
let edge: Program;
/** The line with which this home joined last. */
let line: string;

beforeAll(async () => {
  stack = await Stack.create({ 'notes.md': '# Notes\n' });
  stack.write('home/config.yaml', 'name: kitchen\n');
  const entry = join(await built(), 'client.cjs');
  stack.write('bin/bowline', `#!/bin/sh\nexec '${process.execPath}' '${entry}' "$@"\n`, 0o755);
  control = await stack.control();
  line = await joinLine();
  edge = await startEdge('--join');
});

afterAll(() => stack?.close());

const joinLine = async () => (await stack.cli(['devices', 'join-token'])).stdout;

async function startEdge(...words: string[]): Promise<Program> {
  const program = stack.start('edge', ['--allow', stack.docs, ...words], line);
  await program.ready();
  return program;
}

/** Runs what an error says, in a shell with the usual umask. */
async function shell(command: string): Promise<string> {
  const { HOME = '', PATH = '' } = process.env;
  const env = { HOME, PATH: `${join(stack.dir, 'bin')}:${PATH}`, BOWLINE_HOME: stack.home };
  return (await run('sh', ['-c', `umask 022; ${command}`], { cwd: stack.dir, env })).stdout;
}

/** The commands that an error tells. */
const commandsIn = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, command]) => command!);

async function json<T = Record<string, unknown>>(...words: string[]): Promise<T> {
  const { code, stdout, stderr } = await stack.cli([...words, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

type Device = { id: string; name: string; connected: boolean };
const devices = () => json<Device[]>('devices', 'ls');
const connected = (name: string) =>
  eventually(async () => (await devices()).some((each) => each.name === name && each.connected), 20_000);

/** What the edge says of its connection, once it says this. */
async function told(words: string): Promise<string> {
  let text = '';
  await eventually(async () => {
    const { stdout, stderr } = await stack.cli(['status']);
    text = stdout + stderr;
    return text.includes(words);
  }, 20_000);
  return text.replace(/\s+/g, ' ');
}

test('a device that is suspended is back after the command that its edge tells', async () => {
  await connected('kitchen');
  expect(await stack.cli(['devices', 'suspend', 'kitchen'])).toMatchObject({ code: 0 });
  const resume = commandsIn(await told('suspended')).find((each) => each.includes('resume'));
  expect(resume).toBe('bowline devices resume kitchen');
  await shell(resume!);
  await connected('kitchen');
});

test('a join line that this home has used is harmless; at another home it is refused, and the device goes on', async () => {
  const [before] = await devices();
  await edge.stop();
  edge = await startEdge('--join');
  expect(edge.stderr).toContain('has used this join line already');
  await connected('kitchen');
  const other = stack.start('edge', ['--home', join(stack.dir, 'other'), '--join'], line);
  expect((await other.ended).code).not.toBe(0);
  expect(other.stderr).toContain('JOIN_TOKEN_INVALID');
  expect(await devices()).toMatchObject([{ id: before!.id, connected: true }]);

  // What is told there works.
  line = await shell(`${commandsIn(other.stderr).find((each) => each.includes('join-token'))} --name tv`);
  const joined = stack.start('edge', ['--home', join(stack.dir, 'other'), '--join'], line);
  await joined.ready();
  await connected('tv');
  await joined.stop();
});

test('a device that was removed is told so; it joins again as a new one, and what it kept is set aside', async () => {
  const before = (await devices()).find(({ name }) => name === 'kitchen')!;
  const ask = stack.spawnCli(['ask', 'Is anyone there?']);
  await ask.until(/no worker|worker --serve/i);
  expect(await stack.cli(['devices', 'remove', 'kitchen', '--yes'])).toMatchObject({ code: 0 });
  const commands = commandsIn(await told('was removed'));
  expect(commands).toContain('bowline devices join-token');
  expect(commands).toContain('bowline edge --join');
  ask.signal('SIGINT');
  ask.signal('SIGINT');

  await edge.stop();
  line = await shell('bowline devices join-token');
  edge = await startEdge('--join');
  expect(edge.stderr).toContain(`Before, it was kitchen (${before.id})`);
  const aside = /set aside whole: (\S+)\. /.exec(edge.stderr)?.[1];
  expect(readdirSync(aside!).length).toBeGreaterThan(0);
  const kept = /whose file is kept: (\S+)/.exec(edge.stderr)?.[1];
  expect(readFileSync(kept!, 'utf8')).toContain(before.id);
  await connected('kitchen');
  expect((await devices()).find(({ name }) => name === 'kitchen')?.id).not.toBe(before.id);
  expect(await json('queue', 'ls')).toEqual([]);
  await edge.stop();
});

test('the last owner key goes when another one was made and put in its place', async () => {
  const [own] = await json<{ id: string }[]>('keys', 'ls', '--kind', 'owner');
  const refused = await stack.cli(['keys', 'revoke', own!.id, '--yes']);
  expect(refused.stderr).toContain('LAST_OWNER_KEY');
  const commands = commandsIn(refused.stderr.replace(/\s+/g, ' '));
  expect(commands).toHaveLength(2);
  for (const command of commands) await shell(command.replace('NAME', 'second').replace(/\bFILE\b/, './second.key'));
  // Whatever the umask of the shell: it holds a key.
  expect(statSync(join(stack.dir, 'second.key')).mode & 0o777).toBe(0o600);
  expect((await stack.cli(['devices', 'ls'])).code).not.toBe(0);
  copyFileSync(join(stack.dir, 'second.key'), join(stack.home, 'owner.key'));
  await control.stop();
  control = await stack.control();
  expect(await json<{ id: string }[]>('keys', 'ls', '--kind', 'owner')).toMatchObject([{ name: 'second' }]);
});

test('`bowline up` tells that its own device was removed, and its next start joins again', async () => {
  const whole = await Stack.create({ 'notes.md': '# Notes\n' });
  try {
    const { program, ready } = await whole.up();
    const name = String(ready.device);
    await whole.cli(['devices', 'remove', name, '--yes']);
    await program.until(/refused by the control plane: the device .* was removed/);
    expect(program.output.replace(/\s+/g, ' ')).toMatch(/`bowline up` runs it, stop that and start it again/);
    await program.stop();
    const again = await whole.up();
    expect(again.ready.device).toBe(name);
    expect(again.program.output).toContain('it joins again as a new device');
    expect(again.program.output).toContain('set aside whole');
  } finally {
    await whole.close();
  }
});
