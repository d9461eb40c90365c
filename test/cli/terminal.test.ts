// The command line in a real terminal: the answer first, lists that fit, links, colours or none, and the list to choose from.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type AskRequest, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { JobState, OutcomeSchema, RunState, SizeClass, WithheldReason } from '../../gen/bowline/run/v1/run_pb.ts';
import { widthOf } from '../../src/base/text-columns.ts';
import { ScriptedHome } from '../support/scripted-home.ts';
import { coloursIn, inTerminal, screenOf } from '../support/terminal.ts';
import { TerminalProgram } from '../support/terminal-program.ts';

vi.setConfig({ testTimeout: 120_000 });

const MAIN = fileURLToPath(new URL('../../dist/client.cjs', import.meta.url));

let box: ScriptedHome;
let seen: AskRequest[];
beforeEach(async () => {
  box = new ScriptedHome();
  seen = [];
  const folder = join(box.folder, 'notes');
  mkdirSync(folder);
  for (const name of ['a.md', '会议记录.md']) writeFileSync(join(folder, name), 'x');
  const method = 'bowline.capability.fs.v1.FsService/Search';
  const withheld = ['a.md', '会议记录.md'].map((name) => ({
    field: 'matches.file.size_bytes',
    size: SizeClass.UNDER_1K,
    why: WithheldReason.NO_GRANT,
    name: `notes/${name}`,
    hint: `--share 'notes/${name}'`,
  }));
  await box.edge((router) =>
    router.service(LocalService, {
      getStatus: () => ({ deviceName: 'pi', roots: [`notes (${folder})`] }),
      async *ask(request) {
        seen.push(request);
        const shared = request.shares.length > 0;
        const ended = create(OutcomeSchema, {
          state: RunState.ANSWERED,
          answer: shared ? 'On Friday.' : 'I may not read it.',
          sources: shared ? [{ path: 'notes/a.md', startLine: 3, endLine: 3 }] : [],
          withheld: shared ? [] : withheld,
          model: { provider: 'rules', local: true, note: 'quotes' },
        });
        yield { event: { event: { case: 'accepted', value: { run: 'run-1', conversation: 'conv-1' } } } };
        yield {
          event: { event: { case: 'job', value: { id: 'j', method, target: 'device pi', state: JobState.RUNNING } } },
        };
        yield {
          event: { event: { case: 'job', value: { id: 'j', method, target: 'device pi', state: JobState.DONE } } },
        };
        yield {
          event: {
            event: { case: 'ended', value: { run: 'run-1', conversation: 'conv-1', outcome: ended, egress: [] } },
          },
        };
      },
      listEgress: () => ({
        entries: Array.from({ length: 12 }, (_, i) => ({
          run: `01a22c0d-9df4-7268-83c8-904fd414a3${i + 10}`,
          path: `notes/一个很长的文件夹/another long folder/会议记录-${i}.md`,
          field: 'matches.file.size_bytes',
          bytes: 118n,
          sensitivity: 4,
          recipients: ['rules', 'openai-compatible gpt-oss-120b'],
          createTime: { seconds: 1_790_000_000n, nanos: 0 },
        })),
      }),
    }),
  );
});
afterEach(() => box.close());

const at = (columns: number, more: Partial<Parameters<typeof inTerminal>[1]> = {}) => ({
  cwd: box.cwd,
  home: box.home,
  columns,
  ...more,
});
const LEAVE = { after: 'any other key to leave', press: 'q' };

test.each([80, 120])(
  'at %i columns only the answer stays, and what belongs to it, without names of fields',
  async (columns) => {
    const { all, code } = await inTerminal(['ask', 'When?'], at(columns, { keys: [LEAVE] }));
    expect(all).toContain('searching files on pi');
    expect(screenOf(all).trimEnd().split('\n')).toEqual([
      'I may not read it.',
      '2 files not shared: press s to choose, any other key to leave',
      'answered by rules (local): quotes',
    ]);
    expect(code).toBe(0);
  },
);

test('colours are the terminal’s own, for light and dark ones alike; NO_COLOR has none, and the line vanishes all the same', async () => {
  const coloured = await inTerminal(['ask', 'When?'], at(80, { keys: [LEAVE] }));
  // Only names of colours: what they look like is the terminal's choice. Never a background.
  expect(new Set(coloursIn(coloured.all))).toEqual(new Set(['33', '39', '2', '22']));
  const plain = await inTerminal(['ask', 'When?'], at(80, { keys: [LEAVE], env: { NO_COLOR: '1' } }));
  expect(coloursIn(plain.all)).toEqual([]);
  expect(screenOf(plain.all)).toBe(screenOf(coloured.all));
});

test('a source is a link where the terminal can, and plain text elsewhere', async () => {
  const linked = await inTerminal(['ask', '--share', 'a.md', 'When?'], at(80, { env: { FORCE_HYPERLINK: '1' } }));
  expect(linked.all).toContain(`\x1b]8;;file://${join(box.folder, 'notes/a.md')}\x1b\\notes/a.md:3\x1b]8;;\x1b\\`);
  const plain = await inTerminal(['ask', '--share', 'a.md', 'When?'], at(80));
  expect(plain.all).not.toContain('\x1b]8');
  expect(plain.all).toContain('\n  notes/a.md:3\n');
});

test('s opens the list; what is marked is shared for one more ask, and nothing else', async () => {
  const keys = [
    { after: 'any other key to leave', press: 's' },
    { after: 'notes/会议记录.md', press: '\t' },
    { after: '◼', press: '\r' },
  ];
  const { all } = await inTerminal(['ask', 'When?'], at(100, { keys }));
  expect(seen.map(({ shares }) => shares.map(({ pattern }) => pattern))).toEqual([
    [],
    [join(box.folder, 'notes/a.md')],
  ]);
  expect(seen[1]).toMatchObject({ conversation: 'conv-1', text: 'When?' });
  expect(screenOf(all)).toContain('On Friday.');
});

test.each([80, 120])('the ledger is readable at %i columns, with wide letters', async (columns) => {
  const { all } = await inTerminal(['egress', 'ls'], at(columns, { env: { NO_COLOR: '1' } }));
  const lines = all.split('\n');
  expect(lines[0]).toMatch(/^WHEN +WHAT +KIND +SIZE +TO +RUN$/);
  expect(lines.filter((line) => line.includes('118 bytes'))).toHaveLength(12);
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
  expect(all).not.toContain('size_bytes');
  expect(all).toContain('会议记录-3.md');
});

/** The program that the shell has started. */
const childOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());

/** Shows with which settings of the terminal the program of the arguments ended. */
const AROUND = 'before=$(stty -g); "$@"; code=$?; test "$before" = "$(stty -g)" && echo "as before: $code"';

test.each([
  ['ask', 'the key', ['SIGQUIT', 'SIGTERM', 'SIGHUP'], 'any other key to leave', ''],
  ['ask', 'the list', ['SIGQUIT', 'SIGTERM'], 'any other key to leave', 's'],
  ['chat', 'the next line', ['SIGQUIT', 'SIGHUP'], '/help', ''],
] as const)(
  '%s leaves the terminal as it found it, whatever ends it at %s',
  async (verb, _what, signals, shown, key) => {
    const words = verb === 'ask' ? ['ask', 'When?'] : ['chat'];
    for (const signal of signals) {
      const { PATH = '' } = process.env;
      const terminal = new TerminalProgram(
        ['bash', '-c', AROUND, 'sh', process.execPath, MAIN, ...words],
        { columns: 100, rows: 24 },
        { cwd: box.cwd, env: { PATH, HOME: box.home, BOWLINE_HOME: box.home } },
      );
      await terminal.program.until(shown);
      if (key !== '') {
        terminal.type(key);
        await terminal.program.until('Enter asks again');
      }
      process.kill(childOf(terminal.pid), signal);
      await terminal.program.until(`as before: ${128 + constants.signals[signal]}`);
      expect(terminal.written.lastIndexOf('\x1b[?25h')).toBeGreaterThanOrEqual(
        terminal.written.lastIndexOf('\x1b[?25l'),
      );
      await terminal.program.stop();
    }
  },
);
