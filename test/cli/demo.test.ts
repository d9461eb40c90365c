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
import { appendFileSync, existsSync } from 'node:fs';
const args = process.argv.slice(2);
const { RECORD, FOUND = '[]', ASK_EXIT = 0 } = process.env;
appendFileSync(RECORD, JSON.stringify({ pid: process.pid, args }) + '\\n');
const [verb] = args;
if (verb === 'up') {
  process.on('SIGTERM', () => process.exit(0));
  setInterval(() => {}, 1000);
  console.log('ready {"control":"http://127.0.0.1:1"}');
} else if (verb === 'ask') {
  console.log('an answer');
  console.error('why there is none');
  process.exitCode = Number(ASK_EXIT);
} else if (args.includes('ls')) console.log('[{"id":"r1"}]');
else if (args.includes('show')) console.log(JSON.stringify({ withheld: JSON.parse(FOUND).map((name) => ({ name })) }));
`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'demo-test-'));
  for (const folder of ['scripts', 'temp', 'notes', 'notes/.hidden']) mkdirSync(join(root, folder));
  copyFileSync(fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url)), join(root, 'scripts/demo.mjs'));
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
const script = () => join(root, 'scripts/demo.mjs');
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

const shares = () =>
  recorded()
    .filter(({ args }) => args[0] === 'ask')
    .map(({ args }) => args.filter((_word, i) => args[i - 1] === '--share'));

test('both questions are asked letter by letter, the second with what was found; nothing stays behind', () => {
  const question = `-What's "it" for $5 and \`x\`?`;
  const FOUND = JSON.stringify(['notes/a b.md', '', "notes/it's.txt", 'notes/a b.md', 'notes/gone.md']);
  const { status, stdout } = spawnSync(process.execPath, [script()], {
    env: env({ ASK: question, FOUND }),
    encoding: 'utf8',
  });
  const asks = recorded().filter(({ args }) => args[0] === 'ask');
  expect(asks.map(({ args }) => args.at(-1))).toEqual([question, question]);
  expect(shares()).toEqual([[], [join(root, 'notes/a b.md'), join(root, "notes/it's.txt")]]);
  expect(stdout).toMatch(
    /with nothing shared\nan answer\n.*shared for this question only: .*\nan answer\n.*bowline up --allow ~\/notes\n$/s,
  );
  expect(status).toBe(0);
  expect(isAlive(recorded().find(({ args }) => args[0] === 'up')!.pid)).toBe(false);
  expect(readdirSync(join(root, 'temp'))).toEqual([]);
});

test('what the question names comes first; what was left out is told at the end, with exit code 8', () => {
  mkdirSync(join(root, 'notes/sub'));
  const names = Array.from({ length: 60 }, (_, i) => `sub/n${String(i).padStart(2, '0')}.md`);
  for (const name of [...names, '发布.md', 'sub/two\nlines.md']) writeFileSync(join(root, 'notes', name), 'x');
  const FOUND = JSON.stringify(names.map((name) => `notes/${name}`));
  const ASK = 'What does 发布.md say of n59.md, and two\nlines.md?';
  const { status, stdout } = spawnSync(process.execPath, [script()], { env: env({ ASK, FOUND }), encoding: 'utf8' });
  const [none, some] = shares();
  expect(none).toEqual([]);
  expect(some).toHaveLength(40);
  expect(new Set(some!.slice(0, 2))).toEqual(new Set([join(root, 'notes/发布.md'), join(root, 'notes/sub/n59.md')]));
  expect(stdout).toMatch(/"sub\/two\\nlines\.md": not shared, .*rename it\.\n\nOnly 40 of the 61 files .*\n$/s);
  expect(status).toBe(8);
});

test('where nothing was found nothing is shared, and the question is not asked again', () => {
  const { status } = spawnSync(process.execPath, [script()], {
    env: env({ ASK: 'How many files are there?' }),
    encoding: 'utf8',
  });
  expect([status, shares()]).toEqual([0, [[]]]);
});

test('a question without an answer is the exit code, with the words of the program, and everything is stopped all the same', () => {
  const { status, stderr } = spawnSync(process.execPath, [script()], { env: env({ ASK_EXIT: '7' }), encoding: 'utf8' });
  expect([status, stderr]).toEqual([7, expect.stringMatching(/bowline ask ended \(exit code 7\).*why there is none/s)]);
  expect(isAlive(recorded().find(({ args }) => args[0] === 'up')!.pid)).toBe(false);
  expect(readdirSync(join(root, 'temp'))).toEqual([]);
});

test('a demonstration that is ended early stops what it started', async () => {
  writeFileSync(join(root, 'program.mjs'), PROGRAM.replace("console.log('ready", "console.log('never"));
  const demo = spawn(process.execPath, [script()], { env: env(), stdio: 'ignore' });
  const up = () => (existsSync(join(root, 'record')) ? recorded().find(({ args }) => args[0] === 'up') : undefined);
  await expect.poll(up, { timeout: 15_000 }).toBeDefined();
  demo.kill('SIGTERM');
  expect((await once(demo, 'exit'))[0]).toBe(143);
  expect(isAlive(up()!.pid)).toBe(false);
  expect(readdirSync(join(root, 'temp'))).toEqual([]);
});

test('a folder without a file, or that is not there, is a mistake that is told before anything starts', () => {
  const empty = spawnSync(process.execPath, [script()], { env: env({ DIR: join(root, 'temp') }), encoding: 'utf8' });
  expect([empty.status, empty.stderr]).toEqual([2, expect.stringContaining('there is no file in')]);
  const none = spawnSync(process.execPath, [script()], { env: env({ DIR: join(root, 'none') }), encoding: 'utf8' });
  expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('there is no file or folder')]);
  expect(existsSync(join(root, 'record'))).toBe(false);
});
