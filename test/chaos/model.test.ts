// The judge of the chaos harness must see each kind of harm: a judge that sees nothing passes everything.
import { create } from '@bufbuild/protobuf';
import { beforeAll, expect, test } from 'vitest';
import { JobFinishedSchema } from '../../gen/bowline/event/v1/event_pb.ts';
import { ChaosRuns } from '../support/chaos-runs.ts';
import { methods } from '../support/run-scenario.ts';
import { judgeConversation, judgeRun, type StoredRun } from './history.ts';
import { type AskRecord, type CallRecord, type Effects, judgeOwned, Model, type Owned } from './model.ts';
import { TextCheck } from './text-check.ts';

let stored: StoredRun[];
let played: ChaosRuns;

beforeAll(async () => {
  played = new ChaosRuns(3);
  for (let round = 0; round < 10; round++) await played.play(20);
  await played.settle();
  stored = await Promise.all([...played.accepted].map(readRun));
});

async function readRun(id: string): Promise<StoredRun> {
  const { store } = played;
  const { version, events } = await store.load('t1', id);
  const jobs = [...store.jobs.values()].filter(({ run }) => run === id);
  return { id, version, events, row: store.runs.get(id), jobs, outbox: [], timers: [] };
}

const wrongOf = (run: StoredRun) => judgeRun(run, methods).wrong.join('\n');

/** A run that finished a job. */
const answered = () => {
  const found = stored.find(({ events }) => events.some(({ type }) => type === 'jobFinished'));
  if (!found) throw new Error('no run finished a job');
  return found;
};

test('sound histories pass', () => {
  expect(stored.length).toBeGreaterThan(5);
  for (const run of stored) expect(wrongOf(run)).toBe('');
});

test('a hole, a wrong version and an event out of place are seen', () => {
  const run = answered();
  expect(wrongOf({ ...run, events: run.events.filter((_, n) => n !== 1) })).toMatch(/stands where/);
  expect(wrongOf({ ...run, version: run.version + 1 })).toMatch(/its version is/);
  expect(wrongOf({ ...run, events: [], version: 0 })).toMatch(/no history/);
});

test('a second result of a job is seen', () => {
  const run = answered();
  const at = run.events.findIndex(({ type }) => type === 'jobFinished');
  const events = [...run.events.slice(0, at + 1), run.events[at]!, ...run.events.slice(at + 1)];
  const counted = events.map((event, n) => ({ ...event, version: n + 1 }));
  expect(wrongOf({ ...run, version: counted.length, events: counted })).toMatch(/second result|cannot be folded/);
});

test('rows that say something else than the events are seen', () => {
  const run = answered();
  expect(wrongOf({ ...run, row: { ...run.row!, answer: 'other' } })).toMatch(/has answer "other"/);
  expect(wrongOf({ ...run, row: undefined })).toMatch(/row of the run is missing/);
  expect(wrongOf({ ...run, jobs: run.jobs.slice(1) })).toMatch(/is missing/);
  const [first, ...rest] = run.jobs;
  expect(wrongOf({ ...run, jobs: [{ ...first!, epoch: 9 }, ...rest] })).toMatch(/has epoch 9/);
});

test('what is left behind in outbox and timers is seen', () => {
  const run = answered();
  expect(wrongOf({ ...run, outbox: ['x-1'] })).toMatch(/outbox still has x-1/);
  expect(wrongOf({ ...run, timers: ['x'] })).toMatch(/timer x is still there/);
});

test('a conversation whose row is behind its events is seen', async () => {
  const [row] = played.store.conversations.values();
  const { version, events } = await played.store.load('t1', row!.id);
  expect(judgeConversation({ id: row!.id, version, events, row })).toEqual([]);
  expect(judgeConversation({ id: row!.id, version, events, row: { ...row!, turns: 99 } }).join()).toMatch(/turns/);
});

const ask = (more: Partial<AskRecord> = {}): AskRecord => ({
  name: 'ask',
  text: 'q',
  edge: 1,
  line: undefined,
  runs: new Set(),
  ended: undefined,
  refused: undefined,
  cancelWanted: false,
  owned: undefined,
  expected: 'a',
  ...more,
});

const call = (outcomes: string[]): CallRecord => ({ key: 'k', edge: 1, line: 'k', file: 'log.txt', outcomes });

function judged(parts: { asks?: AskRecord[]; calls?: CallRecord[]; lines?: Record<string, number> }): string {
  const model = new Model();
  model.asks.push(...(parts.asks ?? []));
  model.calls.push(...(parts.calls ?? []));
  const effects: Effects = new Map([[1, new Map([['log.txt', new Map(Object.entries(parts.lines ?? {}))]])]]);
  return model.judge({ runs: [], conversations: [] }, effects, methods).join('\n');
}

test('an ask that is lost, doubled or ended without a trace is seen', () => {
  expect(judged({ asks: [ask()] })).toMatch(/neither accepted nor refused/);
  expect(judged({ asks: [ask({ refused: 'QUEUE_FULL' })] })).toBe('');
  expect(judged({ asks: [ask({ runs: new Set(['r']) })] })).toMatch(/never ended/);
  expect(judged({ asks: [ask({ runs: new Set(['r', 's']) })] })).toMatch(/became 2 runs/);
  const ended = { state: 'answered', answer: 'a', reason: '' };
  expect(judged({ asks: [ask({ runs: new Set(['r']), ended })] })).toMatch(/is not stored/);
  const cancelled = { state: 'cancelled', answer: '', reason: '' };
  expect(judged({ asks: [ask({ runs: new Set(['r']), ended: cancelled, cancelWanted: true })] })).toBe('');
});

test('an ask that is stored otherwise than its owner was told is seen', () => {
  const run = stored.find(({ row }) => row?.state === 'answered')!;
  const model = new Model();
  const { text, answer } = run.row!;
  const ended = { state: 'answered', answer: `${answer}?`, reason: '' };
  model.asks.push(ask({ text, runs: new Set([run.id]), ended, expected: answer }));
  expect(model.judge({ runs: [run], conversations: [] }, new Map(), methods).join()).toMatch(/another answer/);
});

test('an effect that is missing, doubled, denied or nobody asked for is seen', () => {
  expect(judged({ calls: [call(['done', 'done'])], lines: { k: 1 } })).toBe('');
  expect(judged({ calls: [call(['lost', 'done'])] })).toMatch(/told done and it happened 0 times/);
  expect(judged({ calls: [call(['lost'])], lines: { k: 2 } })).toMatch(/happened 2 times/);
  expect(judged({ calls: [call(['CALL_EXPIRED'])], lines: { k: 1 } })).toMatch(/told CALL_EXPIRED and it happened/);
  expect(judged({ calls: [call(['OUTCOME_UNKNOWN'])], lines: { k: 1 } })).toBe('');
  expect(judged({ calls: [call(['OUTCOME_UNKNOWN', 'done'])], lines: { k: 1 } })).toMatch(/unknown and as done/);
  expect(judged({ lines: { 'half a li': 1 } })).toMatch(/holds "half a li"/);
});

test('what was judged is forgotten, but for its lines', () => {
  const model = new Model();
  model.calls.push(call(['done']));
  model.forget();
  const effects: Effects = new Map([[1, new Map([['log.txt', new Map([['k', 1]])]])]]);
  expect(model.judge({ runs: [], conversations: [] }, effects, methods)).toEqual([]);
});

const chunk = (offset: number, text: string, epoch = 1n, job = 'j') => ({ job, epoch, offset: BigInt(offset), text });

test('text that repeats, misses or splices is seen, and a new epoch begins anew', () => {
  const check = new TextCheck();
  check.add(chunk(0, '绳'));
  check.add(chunk(3, 'a'));
  check.add(chunk(0, '结', 2n));
  check.end('结 and more');
  expect(check.wrong).toEqual([]);
  expect(check.resets).toBe(1);

  for (const bad of [chunk(1, 'b', 2n), chunk(9, 'b', 2n), chunk(0, 'b', 1n), chunk(3, '\uFFFD', 2n)]) {
    const broken = new TextCheck();
    broken.add(chunk(0, '结', 2n));
    broken.add(bad);
    expect(broken.wrong, JSON.stringify(bad.text)).not.toEqual([]);
  }
  const spliced = new TextCheck();
  spliced.add(chunk(0, 'one'));
  spliced.end('two');
  expect(spliced.wrong.join()).toMatch(/not how the answer begins/);
});

test('what happened without a yes, was asked twice, or was refused after a yes is seen', () => {
  const owned = (more: Partial<Owned>): Owned => ({
    allow: true,
    asked: new Set(['a']),
    sent: true,
    taken: true,
    ...more,
  });
  const done = [{ phase: 'done' as const, result: undefined }];
  expect(judgeOwned(owned({}), 1, done, false)).toEqual([]);
  expect(judgeOwned(owned({ allow: false }), 0, [], false)).toEqual([]);
  expect(judgeOwned(owned({ allow: false }), 1, done, false).join()).toMatch(/nobody allowed/);
  expect(judgeOwned(owned({ sent: false, taken: false }), 1, done, false).join()).toMatch(
    /nobody allowed.*nobody answered/,
  );
  expect(judgeOwned(owned({ asked: new Set(['a', 'b']) }), 1, done, false).join()).toMatch(/asked 2 times/);
  const failed = (reason: string) => [
    {
      phase: 'failed' as const,
      result: create(JobFinishedSchema, { result: { case: 'neverStarted', value: { reason } } }),
    },
  ];
  for (const [reason, full, gone] of [
    ['APPROVAL_DENIED', true, false],
    ['JOURNAL_FULL', false, false],
    ['JOURNAL_FULL', true, true],
    ['CANCELED', false, true],
  ] as const)
    expect(judgeOwned(owned({}), 0, failed(reason), full)).toEqual(
      gone ? [] : [`its owner said yes, and it was refused: ${reason}`],
    );
});
