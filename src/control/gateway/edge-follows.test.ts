import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { RunSignalSchema } from '../../../gen/bowline/bus/v1/bus_pb.ts';
import { FollowRunSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { type Outcome, OutcomeSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { AppError } from '../../base/errors.ts';
import { silentLogger } from '../../base/logger.ts';
import { RunFeed } from '../dispatch/feeds/run-feed.ts';
import type { FoldedJob, FoldedRun } from '../orchestrator/run/state.ts';
import { EdgeFollows } from './edge-follows.ts';

const job = { id: 'r/0/0', index: 0, phase: 'running', epoch: 1, method: 'm', queuedAt: 0, attempts: 1 } as FoldedJob;
const running = (id: string): FoldedRun =>
  ({ version: 1, id, device: 'd1', kind: 'ask', phase: 'running', jobs: new Map([[job.id, job]]) }) as never;

function start(open: (run: string) => Promise<RunFeed>, removed?: (run: string) => Promise<Outcome | undefined>) {
  const clock = new ManualClock();
  const closed: string[] = [];
  const follows = new EdgeFollows({
    feeds: { open: async (_tenant, run) => ({ feed: await open(run), close: () => closed.push(run) }) },
    tenant: 't',
    device: 'd1',
    clock,
    log: silentLogger,
    wake: () => {},
    ...(removed ? { removed } : {}),
  });
  const drain = () => {
    const bodies = [];
    for (let body = follows.next(); body; body = follows.next()) bodies.push(body);
    return bodies;
  };
  return { clock, closed, follows, drain };
}

const sources = {
  localText: () => undefined,
  follow: () => {},
  reload: () => {},
  live: { reserve: () => true, giveBack: () => {} },
};
const feedOf = (run: string) => new RunFeed(running(run), sources);
const say = (feed: RunFeed, offset: number, text: string) =>
  feed.signal(
    create(RunSignalSchema, {
      signal: { case: 'text', value: { job: job.id, epoch: 1n, offset: BigInt(offset), text } },
    }),
  );
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('a store that does not answer is asked again, and the run is shown then', async () => {
  let failures = 2;
  const { clock, follows, drain } = start(async (run) => {
    if (failures-- > 0) throw new AppError('STORE_UNAVAILABLE', { problem: 'test' });
    return feedOf(run);
  });
  follows.follow('r');
  for (let i = 0; i < 3; i++) {
    await settle();
    clock.advance(10_000);
  }
  await settle();
  expect(drain().map(({ case: kind }) => kind)).toEqual(['runUpdate']);
});

test('a run of another device, or of nobody, is not shown and nothing of it is kept', async () => {
  const foreign = start(async (run) => feedOf(run));
  const other = { ...running('r'), device: 'd2' };
  const { follows, closed, drain } = start(async () => new RunFeed(other, sources));
  follows.follow('r');
  await settle();
  expect([drain(), closed]).toEqual([[], ['r']]);
  foreign.follows.close();
  foreign.follows.follow('r');
  await settle();
  expect(foreign.drain()).toEqual([]);
});

test('runs take turns, and an end comes after all of its text', async () => {
  const feeds = new Map<string, RunFeed>();
  const { follows, drain } = start(async (run) => {
    const feed = feedOf(run);
    feeds.set(run, feed);
    return feed;
  });
  follows.follow('a');
  follows.follow('b');
  await settle();
  drain();
  for (const feed of feeds.values()) say(feed, 0, 'x'.repeat(100_000));
  const ended = { ...running('a'), version: 2, phase: 'answered', outcome: create(OutcomeSchema, {}) } as FoldedRun;
  feeds.get('a')?.committed(ended);
  const shown = drain().map(({ case: kind, value }) => `${kind} ${(value as { run: string }).run}`);
  expect(shown.slice(0, 4)).toEqual(['runText a', 'runText b', 'runText a', 'runText b']);
  expect(shown.lastIndexOf('runText a')).toBeLessThan(shown.indexOf('runEnded a'));
});

test('a position that the edge names is gone on from', async () => {
  const feed = feedOf('r');
  const { follows, drain } = start(async () => feed);
  follows.follow('r', create(FollowRunSchema, { run: 'r', job: job.id, epoch: 1n, offset: 3n }));
  await settle();
  say(feed, 0, '北京');
  const text = drain().flatMap((body) => (body.case === 'runText' ? [body.value.chunk] : []));
  expect(text).toEqual([{ job: job.id, epoch: 1n, offset: 3n, text: '京' }]);
});

test('a run that was removed is told as ended, and one that nobody knows as unknown', async () => {
  const missing = () => Promise.reject(new AppError('NOT_FOUND', { kind: 'run' }));
  const outcome = create(OutcomeSchema, { answer: 'gone' });
  let looks = 0;
  const { clock, follows, drain } = start(missing, async (run) => {
    if (++looks === 1) throw new AppError('STORE_UNAVAILABLE', { problem: 'test' });
    return run === 'r1' ? outcome : undefined;
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  follows.follow('r1');
  await settle();
  clock.advance(10_000);
  await settle();
  follows.follow('r2');
  await settle();
  expect(drain()).toEqual([
    { case: 'runEnded', value: { run: 'r1', outcome } },
    { case: 'runUnknown', value: { run: 'r2' } },
  ]);
});
