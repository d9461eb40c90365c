// The demonstration script with a launcher that only records: what it passes on, and that nothing stays behind.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** Becomes another program, as the real launcher does; `up` runs until a signal. */
const LAUNCHER = `#!/bin/sh
exec "${process.execPath}" "$(dirname "$0")/program.mjs" "$@"
`;
const PROGRAM = `
import { appendFileSync } from 'node:fs';
const args = process.argv.slice(2);
appendFileSync(process.env.RECORD, JSON.stringify({ pid: process.pid, args }) + '\\n');
if (args[0] === 'up') {
  process.on('SIGTERM', () => process.exit(0));
  setInterval(() => {}, 1000);
  console.log('ready {"control":"http://127.0.0.1:1"}');
} else if (args[0] === 'ask') {
  console.log('an answer');
  process.exitCode = Number(process.env.ASK_EXIT ?? 0);
}
`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'demo-test-'));
  for (const folder of ['scripts', 'temp', 'notes', 'notes/.hidden']) mkdirSync(join(root, folder));
  copyFileSync(fileURLToPath(new URL('../../scripts/demo.sh', import.meta.url)), join(root, 'scripts/demo.sh'));
  writeFileSync(join(root, 'bowline'), LAUNCHER);
  chmodSync(join(root, 'bowline'), 0o755);
  writeFileSync(join(root, 'program.mjs'), PROGRAM);
  for (const name of ['a b.md', "it's.txt", 'photo.jpg', '.hidden/secret.md'])
    writeFileSync(join(root, 'notes', name), 'x');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const env = (more: Record<string, string> = {}) => ({
  PATH: process.env.PATH ?? '',
  TMPDIR: join(root, 'temp'),
  RECORD: join(root, 'record'),
  DIR: join(root, 'notes'),
  ...more,
});
const script = () => join(root, 'scripts/demo.sh');
const recorded = (): { pid: number; args: string[] }[] =>
  readFileSync(join(root, 'record'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Whether a process is there; one that ended and waits for its parent is not. */
function isAlive(pid: number): boolean {
  return (
    spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
      .stdout.trim()
      .replace(/^Z.*/, '') !== ''
  );
}

test('both questions are asked letter by letter, the second with the shown text files; nothing stays behind', () => {
  const question = `-What's "it" for $5 and \`x\`?`;
  const { status, stdout } = spawnSync('sh', [script()], { env: env({ ASK: question }), encoding: 'utf8' });
  const asks = recorded().filter(({ args }) => args[0] === 'ask');
  expect(asks.map(({ args }) => args.at(-1))).toEqual([question, question]);
  const shares = asks.map(({ args }) => args.filter((_word, i) => args[i - 1] === '--share'));
  expect(shares).toEqual([[], [join(root, 'notes/a b.md'), join(root, "notes/it's.txt")]]);
  expect(stdout).toMatch(/== not shared\nan answer\n\n== shared\nan answer\n.*bowline up --allow ~\/notes\n$/s);
  expect(status).toBe(0);
  expect(isAlive(recorded().find(({ args }) => args[0] === 'up')!.pid)).toBe(false);
  expect(readdirSync(join(root, 'temp'))).toEqual([]);
});

test('a question without an answer is the exit code, and everything is stopped all the same', () => {
  const { status, stderr } = spawnSync('sh', [script()], { env: env({ ASK_EXIT: '7' }), encoding: 'utf8' });
  expect([status, stderr]).toEqual([7, expect.stringContaining('not everything was answered')]);
  expect(isAlive(recorded().find(({ args }) => args[0] === 'up')!.pid)).toBe(false);
  expect(readdirSync(join(root, 'temp'))).toEqual([]);
});

test('a demonstration that is ended early stops what it started', async () => {
  writeFileSync(join(root, 'program.mjs'), PROGRAM.replace("console.log('ready", "console.log('never"));
  const demo = spawn('sh', [script()], { env: env(), stdio: 'ignore' });
  const up = () => (existsSync(join(root, 'record')) ? recorded().find(({ args }) => args[0] === 'up') : undefined);
  await expect.poll(up, { timeout: 15_000 }).toBeDefined();
  demo.kill('SIGTERM');
  expect((await once(demo, 'exit'))[0]).toBe(143);
  expect(isAlive(up()!.pid)).toBe(false);
  expect(readdirSync(join(root, 'temp'))).toEqual([]);
});

test('a folder without text, or that is not there, is a mistake that is told before anything starts', () => {
  const empty = spawnSync('sh', [script()], { env: env({ DIR: join(root, 'temp') }), encoding: 'utf8' });
  expect([empty.status, empty.stderr]).toEqual([2, expect.stringContaining('there is no text file')]);
  const none = spawnSync('sh', [script()], { env: env({ DIR: join(root, 'none') }), encoding: 'utf8' });
  expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('there is no file or folder')]);
  expect(existsSync(join(root, 'record'))).toBe(false);
});
