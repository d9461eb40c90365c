// `bowline watch` in a real terminal over a real stack: what it shows, what keys do, that it outlives both sides, and that the terminal is
// given back however it ends.
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { eventually } from '../support/control-plane.ts';
import { built, Stack } from '../support/stack.ts';
import { TerminalProgram, type TerminalSize } from '../support/terminal-program.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const SMALL = { columns: 80, rows: 24 };
let stack: Stack;
let entry: string;
const opened: TerminalProgram[] = [];

beforeAll(async () => {
  entry = join(await built(), 'client.cjs');
  stack = await Stack.create({ 'launch.md': '# Launch\n\nThe launch is on 14 May.\n', '花园.md': '周一浇水。\n' });
  await stack.control();
  await stack.worker();
  await stack.edge();
  expect((await stack.cli(['ask', '--share', 'launch.md', 'When is the launch? 发布'])).code).toBe(0);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ program }) => program.stop()));
});
afterAll(() => stack?.close());

function open(size: TerminalSize = SMALL, env: Record<string, string> = {}): TerminalProgram {
  const { PATH = '', HOME = '' } = process.env;
  const terminal = new TerminalProgram([process.execPath, entry, 'watch'], size, {
    cwd: stack.dir,
    env: { PATH, HOME, BOWLINE_HOME: stack.home, ...env },
  });
  opened.push(terminal);
  return terminal;
}

const LEFT = '\x1b[?7h\x1b[0m\x1b[?25h\x1b[?1049l';
const ended = async (terminal: TerminalProgram) => (await terminal.program.ended).code;

test('it shows box, control plane, worker, run and what left, in 80x24, and q gives the terminal back', async () => {
  const terminal = open();
  const lines = await terminal.until(/answered[\s\S]*content/);
  expect(terminal.terminal.buffer.active.type).toBe('alternate');
  expect(lines).toHaveLength(24);
  const text = lines.join('\n');
  expect(text).toMatch(/^box {6}\S+, connected, model rules \(local\)/m);
  expect(text).toMatch(/^control {2}http:\/\/127\.0\.0\.1:\d+, pglite, 1 device/m);
  expect(text).toMatch(/^workers {2}\S+ {2}0 of \d+ slots busy {2}llm {2}rules \(local\)/m);
  expect(text).toMatch(/^> answered .* When is the launch\? 发布$/m);
  expect(text).toMatch(/content +\d+ bytes → rules +launch\.md|docs\/launch\.md/);
  expect(lines.at(-1)).toBe('j k choose   Enter show   c cancel   ? keys   q quit');
  terminal.type('q');
  expect(await ended(terminal)).toBe(0);
  expect(terminal.written.endsWith(LEFT)).toBe(true);
  await terminal.screen();
  expect(terminal.terminal.buffer.active.type).toBe('normal');
});

test('it grows and shrinks with the terminal', async () => {
  const terminal = open();
  await terminal.until(/answered/);
  terminal.resize({ columns: 130, rows: 40 });
  const large = await terminal.until((lines) => (lines[39] ?? '').startsWith('j k choose'));
  expect(large.filter((line) => line.startsWith('j k'))).toHaveLength(1);
  terminal.resize({ columns: 40, rows: 10 });
  await terminal.until((lines) => lines.length === 10 && (lines[9] ?? '').startsWith('j k choose'));
});

test('Enter shows the jobs of a run with their attempts and what left; Escape goes back; c of an ended run says so', async () => {
  const terminal = open();
  await terminal.until(/> answered/);
  terminal.type('\r');
  const lines = (await terminal.until(/llm\.Chat[\s\S]*left the box[\s\S]*answer/)).join('\n');
  expect(lines).toMatch(/── run [0-9a-f-]{36} ─/);
  expect(lines).toMatch(/^ {2}llm\.Chat +done +1 attempt /m);
  expect(lines).toMatch(/content +\d+ bytes → rules +docs\/launch\.md/);
  terminal.type('c');
  await terminal.until(/this run has ended: there is nothing to cancel/);
  terminal.type('\x1b');
  await terminal.until(/── runs/);
});

test('a run is cancelled only by y, and is shown as cancelled', async () => {
  await stack.running('worker').stop();
  expect((await stack.cli(['ask', '--no-wait', 'List the files'])).code).toBe(4);
  const terminal = open();
  await terminal.until(/> running .*List the files/);
  terminal.type('c');
  await terminal.until(/cancel “List the files”\? y or n/);
  terminal.type('x');
  await terminal.until(/press y or n/);
  expect((await stack.cli(['runs', 'ls', '--json'])).stdout).not.toContain('"cancelled"');
  terminal.type('y');
  await terminal.until(/> cancelled .*List the files/);
  await stack.worker();
});

test('a box and a control plane that go away are shown as away, and are back when they come back', async () => {
  const terminal = open();
  await terminal.until(/^box.*connected[\s\S]*> \w/m);
  await stack.running('edge').kill();
  await terminal.until(/^box {6}away for \d+ s\n {9}nothing answers at/m);
  await stack.edge();
  await terminal.until(/^box {6}\S+, connected/m);
  await stack.running('control').kill();
  await terminal.until(/^control {2}away for \d+ s\n {9}\S/m);
  await stack.control();
  await terminal.until(/^control {2}http/m, 45_000);
});

test.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGQUIT', 131],
] as const)('the terminal is given back on %s', async (signal, code) => {
  const terminal = open();
  await terminal.until(/── runs/);
  process.kill(terminal.pid, signal);
  expect(await ended(terminal)).toBe(code);
  expect(terminal.written).toContain(LEFT);
});

test('without colour nothing is coloured, and no background is ever set', async () => {
  const plain = open(SMALL, { NO_COLOR: '1' });
  await plain.until(/> \w+/);
  const colours = (text: string) => text.split('\x1b[').flatMap((part) => /^([0-9;]*)m/.exec(part)?.[1] ?? []);
  expect(new Set(colours(plain.written))).toEqual(new Set(['0']));
  const coloured = open();
  await coloured.until(/> \w+/);
  expect(colours(coloured.written).filter((code) => /^(?:4\d|10\d|48)/.test(code ?? ''))).toEqual([]);
  expect(colours(coloured.written)).toContain('32');
});

test('where there is no terminal it says so with exit code 2; --json prints one object for each change', async () => {
  const none = await stack.cli(['watch']);
  expect(none.code).toBe(2);
  expect(none.stderr).toContain('watch --json');
  const json = stack.spawnCli(['watch', '--json']);
  await json.until(/"what":"run"/);
  expect((await stack.cli(['ask', 'What is new?'])).code).toBe(0);
  await json.until(/"what":"left".*"kind":"content"/);
  json.signal('SIGINT');
  expect((await json.ended).code).toBe(0);
  const changes = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(new Set(changes.map(({ what }) => what))).toEqual(new Set(['box', 'control', 'worker', 'run', 'left']));
  const left = changes.find(({ what, kind }) => what === 'left' && kind === 'content');
  expect(left).toMatchObject({ bytes: 12, fields: ['ask.text'] });
});

test('it writes little, and only what changed', async () => {
  const terminal = open();
  await terminal.until(/^box.*connected[\s\S]*> \w/m);
  await terminal.screen();
  const before = terminal.written.length;
  const clock = (await terminal.screen())[0];
  await eventually(async () => (await terminal.screen())[0] !== clock, 5_000);
  expect(terminal.written.length - before).toBeLessThan(2_000);
});
