import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ApprovalScope, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import { silentLogger } from '../../base/logger.ts';
import { type EdgeJournal, openEdgeJournal } from './edge-journal.ts';
import type { RecordInit } from './records.ts';

const open = (fs: MemoryFs) =>
  openEdgeJournal('/j', {
    clock: new ManualClock(),
    log: silentLogger,
    onFatal: () => {},
    fs,
    segmentBytes: 3000,
    stepBytes: 1024,
  });

const RUNS = ['r0', 'r1'];
const ENTRIES = ['write a', 'write b'];
const params = new Uint8Array(32).fill(7);

const request = (id: string, n: number): RecordInit => ({
  case: 'approvalRequested',
  value: {
    approval: {
      id,
      run: RUNS[n % 2]!,
      job: `${RUNS[n % 2]}/0/${n}`,
      state: ApprovalState.PENDING,
      entry: ENTRIES[n % 3 === 0 ? 0 : 1]!,
      effect: { effect: { case: 'file', value: { path: `docs/${n}`, diff: '+新\n' } } },
      digest: params,
    },
    idempotencyKey: `k${n}`,
    paramsSha256: params,
  },
});
const answered = (id: string, allowed: boolean, scope: ApprovalScope = ApprovalScope.ONCE): RecordInit => ({
  case: 'approvalAnswered',
  value: { id, allowed, scope: allowed ? scope : 0, by: 'box' },
});
const begun = (n: number, approval: string): RecordInit => ({
  case: 'intent',
  value: { idempotencyKey: `k${n}`, job: `j${n}`, run: 'r', method: 'm', paramsSha256: params, bootId: 'b', approval },
});
const ended = (n: number, keyFree: boolean): RecordInit => ({
  case: 'toolOutcome',
  value: { idempotencyKey: `k${n}`, job: `j${n}`, method: 'm', result: { job: `j${n}`, keyFree } },
});
const filler = (bytes: number): RecordInit => ({
  case: 'toolRefused',
  value: { job: 'x'.repeat(bytes), failure: { reason: 'NOT_ALLOWED' } },
});

/** What the book says, without the time of an end, which a checkpoint does not keep. */
function told({ approvals: book }: EdgeJournal) {
  const open = book.opened().map(({ approval: { id, state, scope, effect }, key, used }) => ({
    ...{ id, state, scope, key, used },
    path: effect?.effect.case === 'file' ? effect.effect.value.path : '',
  }));
  const answers = RUNS.flatMap((run) => [
    book.denials(run, false),
    book.denials(run, true),
    ...ENTRIES.map((entry) => book.allowed(run, entry)),
  ]);
  return { open: open.sort((a, b) => (a.id < b.id ? -1 : 1)), answers };
}

const statesOf = ({ approvals }: EdgeJournal) => new Map(approvals.all().map(({ id, state }) => [id, state]));

const step = fc.record({
  kind: fc.constantFrom(
    'ask',
    'yes',
    'run',
    'no',
    'changed',
    'withdrawn',
    'begin',
    'done',
    'free',
    'over',
    'prune',
    'filler',
  ),
  n: fc.nat(5),
});

test('whatever was pruned, a restart knows the same approvals: those that wait, those not used up, and what answers hold', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
      const fs = new MemoryFs();
      const journal = await open(fs);
      const { approvals: book } = journal;
      const work: Promise<unknown>[] = [];
      const said = new Map<string, ApprovalState>();
      const over = new Set<string>();
      for (const [at, { kind, n }] of steps.entries()) {
        const known = book.ofKey(`k${n}`);
        const id = known?.approval.id ?? '';
        const pending = known?.approval.state === ApprovalState.PENDING;
        const put = (...records: RecordInit[]) => journal.append(records);
        const say = (state: ApprovalState) => void said.set(id, state);
        if (kind === 'prune') work.push(journal.prune(n * 1000));
        else if (kind === 'filler') await put(filler(n * 300));
        else if (kind === 'ask' && !known && !over.has(RUNS[n % 2]!)) await put(request(`a${at}-${n}`, n));
        else if ((kind === 'yes' || kind === 'run') && pending) {
          await put(answered(id, true, kind === 'run' ? ApprovalScope.RUN : ApprovalScope.ONCE));
          say(ApprovalState.ALLOWED);
        } else if (kind === 'no' && pending) {
          await put(answered(id, false));
          say(ApprovalState.DENIED);
        } else if (kind === 'withdrawn' && known && !known.used)
          await put({ case: 'approvalEnded', value: { id, state: ApprovalState.WITHDRAWN } });
        else if (kind === 'begin' && known && !pending && !known.used) await put(begun(n, id));
        else if (kind === 'free' && known?.used) await put(ended(n, true));
        else if (kind === 'done' && known?.used) await put(ended(n, false));
        else if (kind === 'changed' && known?.used)
          await put(ended(n, true), { case: 'approvalEnded', value: { id, state: ApprovalState.CHANGED } }).then(() =>
            say(ApprovalState.CHANGED),
          );
        else if (kind === 'over') {
          over.add(RUNS[n % 2]!);
          await put({ case: 'runAnswered', value: { run: RUNS[n % 2]! } });
        }
      }
      await Promise.all(work);
      const again = await open(fs.kill());
      expect(told(again)).toEqual(told(journal));
      const live = statesOf(journal);
      for (const [id, state] of statesOf(again)) expect([id, state]).toEqual([id, live.get(id)]);
      // Whatever came of its call: what was answered stands in the record.
      for (const [id, state] of said) expect([id, live.get(id)]).toEqual([id, state]);
    }),
    { numRuns: Number(process.env.CRASH_RUNS ?? 150) },
  );
});

test('one that ends while a checkpoint is made stays ended, and is still there to be shown', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  await journal.append([request('a', 1)]);
  await journal.append([request('b', 2)]);
  for (let n = 0; n < 12; n++) await journal.append([filler(1000)]);
  const pruned = journal.prune(0);
  await journal.append([answered('a', false)]);
  expect(await pruned).toBeGreaterThan(0);
  const again = await open(fs.kill());
  for (const { approvals } of [journal, again]) {
    expect(approvals.pending().map(({ approval }) => approval.id)).toEqual(['b']);
    expect(approvals.ended('a')?.approval.state).toBe(ApprovalState.DENIED);
  }
});

test('a checkpoint keeps whether a call has begun, what it will do, and what was said of its run', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  await journal.append([request('a', 1), answered('a', true), begun(1, 'a')]);
  await journal.append([request('b', 3), answered('b', true, ApprovalScope.RUN), begun(3, 'b'), ended(3, false)]);
  await journal.append([request('c', 5), answered('c', false)]);
  await journal.append([request('d', 2)]);
  // What it will be nobody knows yet, so that yes says nothing of others.
  expect(journal.approvals.allowed('r1', 'write b')).toBe(undefined);
  await journal.append([request('e', 7), answered('e', true), begun(7, 'e'), ended(7, false)]);
  for (let n = 0; n < 12; n++) await journal.append([filler(1000)]);
  expect(await journal.prune(0)).toBeGreaterThan(0);
  const again = await open(fs.kill());
  expect(told(again)).toEqual(told(journal));
  expect(told(again)).toEqual({
    open: [
      { id: 'a', state: ApprovalState.ALLOWED, scope: ApprovalScope.ONCE, key: 'k1', used: true, path: 'docs/1' },
      { id: 'd', state: ApprovalState.PENDING, scope: 0, key: 'k2', used: false, path: 'docs/2' },
    ],
    answers: [0, 0, undefined, undefined, 1, 0, 'run', 'once'],
  });
});
