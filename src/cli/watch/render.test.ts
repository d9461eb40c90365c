// The picture of `watch` as a function of what is known and of the size: exact lines, and what holds for every size and every text.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { widthOf } from '../../base/text-columns.ts';
import { changesOf } from './changes.ts';
import { keysOf, press } from './keys.ts';
import { newerThan } from './ledger-news.ts';
import { type BoxLook, emptyModel, type RunLook, type WatchModel } from './model.ts';
import { render } from './render.ts';
import { inWidth, lineText, wrap } from './spans.ts';

const NOW = new Date(2026, 10, 30, 11, 0, 30).getTime();

const box: BoxLook = {
  name: 'pi',
  connection: 'connected',
  model: 'rules (local)',
  mayRead: 'notes (/home/ana/notes)',
  waitingAsks: 0,
  waitingYes: '',
  toolCalls: 2,
  memoryBytes: 64 << 20,
  problems: [],
};

const run = (id: string, more: Partial<RunLook> = {}): RunLook => ({
  id,
  state: 'answered',
  isOpen: false,
  device: 'pi',
  text: `What is ${id}?`,
  asked: NOW - 65_000,
  ended: NOW - 63_000,
  ...more,
});

const model = (more: Partial<WatchModel> = {}): WatchModel => ({
  ...emptyModel('/home/ana/.bowline', NOW - 90_000),
  now: NOW,
  box: { is: 'here', told: box },
  control: {
    is: 'here',
    told: {
      where: 'http://127.0.0.1:7420',
      database: 'pglite',
      devices: 1,
      workers: 1,
      openRuns: 1,
      waitingJobs: 0,
      memoryBytes: 200 << 20,
      problems: [],
    },
  },
  workers: [{ name: 'local-llm', serves: ['llm'], models: ['rules (local)'], busy: 1, slots: 8, draining: false }],
  runs: [
    run('b', { state: 'running', isOpen: true, text: '花园里有什么？', asked: NOW - 1_500, ended: undefined }),
    run('a'),
  ],
  crossings: [
    { at: NOW - 1_000, path: 'notes/花园.md', fields: ['text'], kind: 'content', bytes: 2048, to: ['rules'], run: 'b' },
  ],
  totals: {
    since: NOW - 90_000,
    bytes: new Map([
      ['rules', 2048],
      ['control', 21],
    ]),
    atLeast: false,
  },
  ...more,
});

const shown = (of: WatchModel, columns = 80, rows = 24) =>
  render(of, columns, rows).map((line) => lineText(line).trimEnd());

test('each part has its line, in 80 columns', () => {
  const lines = shown(model());
  expect(lines).toHaveLength(24);
  expect(lines.filter((line) => line !== '')).toEqual([
    'bowline watch  /home/ana/.bowline                                       11:00:30',
    'box      pi, connected, model rules (local), 64 MB, 2 tool calls',
    '         may read notes (/home/ana/notes)',
    'control  http://127.0.0.1:7420, pglite, 1 device, 1 open run, 0 jobs waiting, 2…',
    'workers  local-llm  1 of 8 slots busy  llm  rules (local)',
    `── runs: 1 open ${'─'.repeat(64)}`,
    '> running    2 s ago    1.5 s    pi  花园里有什么？',
    '  answered   1 min ago  2.0 s    pi  What is a?',
    `── left the box: 2 KB to rules, 21 bytes to control in 1 min ${'─'.repeat(19)}`,
    '  11:00:29  content        2 KB → rules          notes/花园.md  text',
    'j k choose   Enter show   c cancel   ? keys   q quit',
  ]);
});

test('a side that went away says since when and why; what it served is not shown as if it were there', () => {
  const away = { is: 'away', why: 'nobody listens (NOT_RUNNING)', since: NOW - 61_000 } as const;
  const lines = shown(model({ control: away, box: away, runs: [] }));
  expect(lines.slice(1, 5)).toEqual([
    'box      away for 1 min',
    '         nobody listens (NOT_RUNNING)',
    'control  away for 1 min',
    '         nobody listens (NOT_RUNNING)',
  ]);
  expect(lines.join('\n')).not.toContain('local-llm');
  expect(lines).toContain('  not known now');
});

test('many runs: the chosen one is in sight, the strip keeps its half', () => {
  const runs = Array.from({ length: 100 }, (_, at) => run(`r${at}`));
  const crossings = Array.from({ length: 100 }, (_, at) => ({ ...model().crossings[0]!, bytes: at }));
  const lines = shown(model({ runs, crossings, chosen: 'r70' }));
  expect(lines.filter((line) => line.startsWith('> '))).toEqual(['> answered   1 min ago  2.0 s    pi  What is r70?']);
  expect(lines.filter((line) => line.includes('→'))).toHaveLength(8);
});

test('a question stands in the last line until it is answered', () => {
  const asking = press(model(), 'c').model;
  expect(shown(asking).at(-1)).toBe('cancel “花园里有什么？”? y or n');
  const other = press(asking, 'x');
  expect([other.wish, shown(other.model).at(-1)]).toEqual([
    undefined,
    'cancel “花园里有什么？”? y or n (press y or n)',
  ]);
  expect(press(asking, 'n').model.asksToCancel).toBeUndefined();
  expect(press(asking, 'n').wish).toBeUndefined();
  expect(press(asking, 'y').wish).toEqual({ is: 'cancel', run: 'b' });
});

test('keys choose, show, scroll, go back and quit', () => {
  expect(keysOf('jk\x1b[A\x1bOB\r\x1b\x03\x1b[6~é')).toEqual([
    'j',
    'k',
    'up',
    'down',
    'enter',
    'escape',
    'interrupt',
    'pageDown',
    'é',
  ]);
  const down = press(model(), 'j').model;
  expect(down.chosen).toBe('a');
  expect(press(down, 'down').model.chosen).toBe('a');
  expect(press(down, 'k').model.chosen).toBe('b');
  const { model: open, wish } = press(down, 'enter');
  expect([open.shown?.run, wish]).toEqual(['a', undefined]);
  expect(press(open, 'j').model.shown?.from).toBe(1);
  expect(press(open, 'escape').model.shown).toBeUndefined();
  expect(press(open, 'c').model.notice).toBe('this run has ended: there is nothing to cancel');
  expect(press(open, 'q').wish).toEqual({ is: 'quit' });
  expect(press({ ...open, asksToCancel: 'b' }, 'interrupt').wish).toEqual({ is: 'quit' });
});

test('a run that is looked at: jobs with attempts, what it waits for, what left, the answer', () => {
  const detail = {
    run: run('b', { state: 'running', isOpen: true, ended: undefined }),
    jobs: [
      { method: 'llm.Chat', target: 'worker gpu (rules)', state: 'done', attempts: 1, tookMs: 12, problem: '' },
      {
        method: 'fs.Read',
        target: 'device pi',
        state: 'retrying',
        attempts: 3,
        tookMs: undefined,
        problem: 'EDGE_BUSY',
      },
    ],
    waitsFor: 'device pi',
    answer: 'Beans.',
    left: model().crossings,
  };
  const lines = shown(model({ shown: { run: 'b', detail, from: 0 } }), 100).filter((line) => line !== '');
  expect(lines.slice(4)).toEqual([
    `── run b ${'─'.repeat(91)}`,
    'What is b?',
    'running, asked 1 min ago, 1 min 5 s',
    'waits for device pi',
    'jobs',
    '  llm.Chat           done      1 attempt   12 ms    worker gpu (rules)',
    '  fs.Read            retrying  3 attempts           device pi: EDGE_BUSY',
    'left the box',
    '  11:00:29  content        2 KB → rules          notes/花园.md  text',
    'answer',
    '  Beans.',
    'j k scroll   Esc back   c cancel   ? keys   q quit',
  ]);
});

test('text from elsewhere is inert', () => {
  const evil = '\x1b[2J\x07\u202e';
  const lines = shown(model({ runs: [run('x', { text: evil, device: evil, state: evil })] }), 200);
  expect(lines.join('')).not.toMatch(/[\p{Cc}\u202e]/u);
  expect(lines.join('')).toContain('\\x1b[2J');
});

test('whatever the size and the texts, there are as many lines as rows, none wider than the columns', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 });
  fc.assert(
    fc.property(fc.nat(200), fc.nat(60), fc.array(text, { maxLength: 30 }), fc.nat(5), (columns, rows, texts, kind) => {
      const runs = texts.map((each, at) => run(`r${at}`, { text: each, device: each }));
      const workers = texts.map((each) => ({ ...model().workers[0]!, name: each, serves: [each] }));
      const crossings = texts.map((each) => ({ ...model().crossings[0]!, path: each, to: [each] }));
      const detail = { run: run('r0'), jobs: [], waitsFor: texts[0] ?? '', answer: texts.join('\n'), left: crossings };
      const more = [
        {},
        { shown: { run: 'r0', detail: undefined, from: 0 } },
        { shown: { run: 'r0', detail, from: 3 } },
        { asksToCancel: 'r0' },
        { notice: texts[0] ?? '' },
        { box: { is: 'away', why: texts[0] ?? '', since: 0 } as const },
      ][kind];
      const lines = render(model({ runs, workers, crossings, ...more }), columns, rows);
      expect(lines).toHaveLength(rows);
      for (const line of lines) expect(widthOf(lineText(line))).toBeLessThanOrEqual(columns);
    }),
    { numRuns: 200 },
  );
});

test('texts are cut and wrapped by columns, never through a wide letter', () => {
  expect(inWidth('花园', 6)).toBe('花园  ');
  expect(inWidth('花园里', 5)).toBe('花园…');
  expect(inWidth('花园里', 4)).toBe('花… ');
  expect(inWidth('👨‍👩‍👧 family', 4)).toMatch(/…/);
  expect(wrap('one two three', 8, 5)).toEqual(['one two', 'three']);
  expect(wrap('花园里有什么', 4, 2)).toEqual(['花园', '里…']);
});

test('what is new in the ledger is what stands before the lines that were seen', () => {
  const line = (job: string) => ({ run: 'r', job, path: '', field: 'text', bytes: 1n }) as never;
  const [a, b, c] = [line('a'), line('b'), line('c')];
  expect(newerThan([b, a], [c, b, a])).toEqual([c]);
  expect(newerThan([b, a], [b, a])).toEqual([]);
  expect(newerThan([a, a], [a, a, a])).toEqual([]);
  expect(newerThan([a], [c, b])).toBeUndefined();
});

test('changes are told once, and memory alone is none', () => {
  const before = model();
  expect(changesOf(before, model({ box: { is: 'here', told: { ...box, memoryBytes: 1 } } }))).toEqual([]);
  const after = model({ runs: [run('b'), run('a')], workers: [] });
  expect(changesOf(before, after)).toEqual([
    { what: 'worker', name: 'local-llm', gone: true },
    expect.objectContaining({ what: 'run', id: 'b', state: 'answered', open: false }),
  ]);
});
