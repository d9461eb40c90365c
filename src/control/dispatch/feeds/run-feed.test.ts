import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RunSignalSchema } from '../../../../gen/bowline/bus/v1/bus_pb.ts';
import { JobState as Shown } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { AttemptText } from '../../../contract/text/latest-text.ts';
import type { FoldedJob, FoldedRun, JobPhase } from '../../orchestrator/run/state.ts';
import { RunFeed } from './run-feed.ts';

const JOB = 'r/0/0';

function state(version: number, epoch: number, more: { phase?: JobPhase; kind?: 'ask' | 'call' } = {}): FoldedRun {
  const phase = more.phase ?? 'queued';
  const job = {
    id: JOB,
    index: 0,
    role: 'turn',
    phase,
    epoch,
    method: 'm',
    queuedAt: 0,
    attempts: epoch,
    targetName: '',
  } as FoldedJob;
  return { version, id: 'r', kind: more.kind ?? 'ask', phase: 'running', jobs: new Map([[JOB, job]]) } as never;
}

function start(first = state(1, 1), local?: AttemptText) {
  const resumed: string[] = [];
  let reloads = 0;
  const feed = new RunFeed(first, {
    localText: () => local,
    follow: (_version, job, epoch, offset) => job !== '' && resumed.push(`${job} ${epoch} ${offset}`),
    reload: () => reloads++,
    live: { reserve: () => true, giveBack: () => {} },
  });
  const signal = (body: NonNullable<MessageInitShape<typeof RunSignalSchema>['signal']>) =>
    feed.signal(create(RunSignalSchema, { signal: body }));
  const text = (epoch: number, offset: number, piece: string) =>
    signal({ case: 'text', value: { job: JOB, epoch: BigInt(epoch), offset: BigInt(offset), text: piece } });
  const message = (epoch: number, index: number, response: string) =>
    signal({
      case: 'message',
      value: { job: JOB, epoch: BigInt(epoch), index: BigInt(index), response: Buffer.from(response) },
    });
  const messages = () => feed.messages.list.map((each) => Buffer.from(each).toString());
  return { feed, resumed, reloads: () => reloads, signal, text, message, messages };
}

test('whatever is lost, doubled or reordered, the text is a prefix of what one attempt wrote and never spliced', () => {
  const pieces = ['北', '京的', '秋天', '很', '美。'];
  const offsets = pieces.map((_, i) => Buffer.byteLength(pieces.slice(0, i).join('')));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(pieces.length - 1))), (chunks) => {
      const { feed, text } = start();
      for (const [epoch, at] of chunks) {
        const before = feed.text?.epoch ?? 0;
        text(epoch, offsets[at]!, `${pieces[at]}`);
        expect(feed.text?.epoch ?? 0).toBeGreaterThanOrEqual(before);
        expect(pieces.join('').startsWith(feed.text?.from(0) ?? '')).toBe(true);
      }
    }),
  );
});

test('a gap is asked for at its owner, from where the text ends; a reader that comes late asks from the start', () => {
  const { feed, resumed, text } = start();
  expect(resumed).toEqual([`${JOB} 1 0`]);
  text(1, 0, 'ab');
  text(1, 5, 'fg');
  expect(resumed.at(-1)).toBe(`${JOB} 1 2`);
  expect(feed.text?.from(0)).toBe('ab');
  text(1, 2, 'cdefg');
  expect(feed.text?.from(0)).toBe('abcdefg');
});

test('text of an attempt that the state has left behind is not shown', () => {
  const { feed, text } = start(state(4, 2));
  text(1, 0, 'stale');
  expect(feed.text).toBeUndefined();
  text(2, 0, 'new');
  text(1, 3, 'stale');
  expect(feed.text?.from(0)).toBe('new');
});

test('the text of an attempt on this replica is read where it is written, not copied', () => {
  const local = new AttemptText(JOB, 1);
  local.append('here');
  const { feed, resumed, text } = start(state(1, 1), local);
  expect(feed.text).toBe(local);
  expect(resumed).toEqual([]);
  const offset = local.bytes;
  local.append(' and there');
  text(1, offset, ' and there');
  expect(feed.text?.from(0)).toBe('here and there');
});

test('messages of a call are kept without gaps, of one attempt at a time, and within their bytes', () => {
  const { feed, message, messages } = start(state(1, 1, { kind: 'call' }));
  message(1, 0, 'a');
  message(1, 0, 'a');
  message(1, 2, 'c');
  expect(messages()).toEqual(['a']);
  message(1, 1, 'b');
  const before = feed.messages.list;
  message(2, 0, 'A');
  message(1, 2, 'c');
  expect([feed.messages.epoch, messages(), before.length]).toEqual([2, ['A'], 2]);
  for (let i = 1; i < 10; i++) message(2, i, 'x'.repeat(4 << 20));
  expect(messages().length).toBeLessThan(6);
  const ask = start();
  ask.message(1, 0, 'a');
  expect(ask.messages()).toEqual([]);
});

test('readers are woken by news, and told apart what changed besides text', () => {
  const { feed, signal, text } = start();
  let woken = 0;
  const stop = feed.onChange(() => woken++);
  const at = feed.revision;
  text(1, 0, 'a');
  expect([woken, feed.revision]).toEqual([1, at]);
  signal({ case: 'running', value: { job: JOB, epoch: 1n, targetName: 'worker w1' } });
  expect(feed.jobs(0)[0]).toMatchObject({ state: Shown.RUNNING, target: 'worker w1' });
  expect(feed.revision).toBe(at + 1);
  feed.committed(state(2, 2));
  expect(feed.jobs(0)[0]?.state).toBe(Shown.QUEUED);
  feed.committed(state(1, 1));
  expect(feed.state.version).toBe(2);
  stop();
  text(2, 0, 'b');
  expect(woken).toBe(3);
});

test('what is waited for is told until the job runs, is over, or the word is taken back', () => {
  const { feed, signal } = start();
  signal({ case: 'waits', value: { job: JOB, what: 'No worker.' } });
  expect(feed.waitsFor).toBe('No worker.');
  signal({ case: 'waits', value: { job: JOB, what: '' } });
  expect(feed.waitsFor).toBe('');
  signal({ case: 'waits', value: { job: JOB, what: 'No worker.' } });
  signal({ case: 'running', value: { job: JOB, epoch: 1n, targetName: 'w' } });
  expect(feed.waitsFor).toBe('');
  signal({ case: 'waits', value: { job: JOB, what: 'No worker.' } });
  feed.committed(state(2, 1, { phase: 'done' }));
  expect(feed.waitsFor).toBe('');
});

test('a newer version elsewhere is read, and so is a run of which nothing was heard for a while', () => {
  const { feed, reloads, signal } = start();
  signal({ case: 'changed', value: 1n });
  expect(reloads()).toBe(0);
  signal({ case: 'changed', value: 2n });
  expect(reloads()).toBe(1);
  expect([feed.quiet(), feed.quiet()]).toEqual([false, true]);
  feed.gap();
  expect(reloads()).toBe(2);
});
