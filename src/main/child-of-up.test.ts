import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Clock, systemClock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import { createLogger } from '../base/logger.ts';
import { type ChildOfUp, startChild } from './child-of-up.ts';

const log = createLogger('test', { write: () => {} }, 'error');
const SOON = { timeout: 20_000, interval: 20 };

vi.setConfig({ testTimeout: 30_000 });

let folder: string;
let child: ChildOfUp | undefined;
/** The waits of a minute that were asked for; each is over at once. */
let minutes: number;
const hasty: Clock = {
  ...systemClock,
  after: (ms, then) => {
    if (ms === 60_000) minutes += 1;
    return systemClock.after(ms === 60_000 ? 1 : ms, then);
  },
};

beforeEach(() => {
  minutes = 0;
  folder = mkdtempSync(join(tmpdir(), 'bowline-test-child-'));
});

afterEach(async () => {
  await child?.stop(5_000);
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a program that knows its home as `home`, and `start` as the number of its start. */
function run(
  program: string,
  input: (string | Promise<string>)[] = [],
  onLine?: (line: string) => void,
  said: string[] = [],
): ChildOfUp {
  let start = 0;
  child = startChild({
    name: 'worker',
    command: async () => ({
      args: ['-e', `const start = ${++start}; ${program}`],
      env: { PATH: process.env.PATH ?? '' },
      input,
    }),
    failed: (why, error) => error ?? new AppError('WORKER_FAILED', { why, log: folder }),
    say: (line) => said.push(line),
    clock: hasty,
    log,
    ...(onLine ? { onLine } : {}),
  });
  return child;
}

const READY = "console.log('ready {}'); process.stdin.on('end', () => process.exit(0)).resume();";

test('a child that fails at first is started again, and each end is counted and told', async () => {
  const said: string[] = [];
  const child = run(
    `if (start < 3) { console.error('error: not yet'); process.exit(1); } ${READY}`,
    [],
    undefined,
    said,
  );
  await child.ready;
  expect(child.figures()).toMatchObject({ running: true, ends: 2, lastEnd: { why: 'not yet (exit code 1)' } });
  expect(said).toEqual(['the worker ended and is started again: not yet (exit code 1)']);
});

test('a mistake of usage or configuration is told at once, and nothing is tried again', async () => {
  const child = run("console.error('error: a wrong setting'); process.exit(2);");
  await expect(child.ready).rejects.toMatchObject({ reason: 'WORKER_FAILED' });
  expect(child.figures().ends).toBe(1);
});

test.each([
  ['JOURNAL_DAMAGED', 6],
  ['DEVICE_FILE_INVALID', 6],
  ['SOCKET_UNSAFE', 5],
  ['LLAMA_MISSING', 6],
])('what only its owner can mend (%s) is told at once, whole and with its exit code', async (reason, exit) => {
  const message = `the file is damaged; ${'and so on '.repeat(60)}. Restore it`;
  const said: string[] = [];
  const child = run(
    `console.error('error: ${message} (${reason})\\n  home: /h'); process.exit(6);`,
    [],
    undefined,
    said,
  );
  await expect(child.ready).rejects.toMatchObject({ reason, message, exit });
  expect(child.figures().ends).toBe(1);
  expect(said).toEqual([]);
});

test('the same which comes after it was ready is told once, and tried again every minute', async () => {
  const said: string[] = [];
  const child = run(
    `if (start === 2 || start === 3) { console.error('error: damaged (JOURNAL_DAMAGED)'); process.exit(6); } ${READY} if (start === 1) process.exit(0);`,
    [],
    undefined,
    said,
  );
  await child.ready;
  await vi.waitFor(() => expect(child.figures()).toMatchObject({ running: true, ends: 3 }), SOON);
  expect(said).toEqual([
    'the worker ended and is started again: exit code 0',
    'the worker ended and is tried again every minute: damaged',
  ]);
  expect(minutes).toBe(2);
});

test('after it was ready once it is started again whatever it ends with', async () => {
  const child = run(
    `if (start === 2) process.exit(2); ${READY} if (start === 1) process.kill(process.pid, 'SIGKILL');`,
  );
  await child.ready;
  await vi.waitFor(() => expect(child.figures()).toMatchObject({ running: true, ends: 2 }), SOON);
  expect(minutes).toBe(1);
});

test('its input comes in order, each line once it is known; its lines are told', async () => {
  const late = Promise.withResolvers<string>();
  const lines: string[] = [];
  const child = run(
    "let all = ''; process.stdin.setEncoding('utf8').on('data', (t) => { all += t; console.log('got ' + JSON.stringify(all)); if (all.split('\\n').length === 3) console.log('ready {}'); });",
    ['one', late.promise],
    (line) => lines.push(line),
  );
  await vi.waitFor(() => expect(lines).toContain('got "one\\n"'), SOON);
  late.resolve('two');
  await child.ready;
  expect(lines).toContain('got "one\\ntwo\\n"');
});

test('one that heeds no signal is ended when its time is over, and not started again', async () => {
  const child = run(`process.on('SIGTERM', () => {}); ${READY}`);
  await child.ready;
  await child.stop(50);
  expect(child.figures().ends).toBe(0);
});

test('a child whose line cannot be known ends for the reason of that, and is started again', async () => {
  const said: string[] = [];
  const problem = new AppError('STORE_UNAVAILABLE', { problem: 'away' });
  const lines = [Promise.reject(problem), Promise.resolve('go')];
  for (const line of lines) line.catch(() => undefined);
  const ready = "process.stdin.on('end', () => process.exit(0)).once('data', () => console.log('ready {}'));";
  const child = run(ready, lines, undefined, said);
  // The same first line at each start.
  await vi.waitFor(() => expect(said[0]).toContain('is started again: '), SOON);
  expect(child.figures().lastEnd?.why).toBe(problem.message);
});
