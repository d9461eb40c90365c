// A call that waits for the owner of its device: nothing uses up its time or that of its run, and what is said twice is written down once.
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { CallSpecSchema, TargetKind } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { JobState } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { PlayedRun } from '../../../../test/support/play-run.ts';
import { failure, methods, responses, said } from '../../../../test/support/run-scenario.ts';
import { viewJob } from '../run/job-view.ts';
import { CANCEL_GRACE_MS, HELD_GRACE_MS, MAX_HELD_MS, MAX_HOLDS, TOOL_TIMEOUT_MS } from '../run/limits.ts';
import { timeLeft } from '../run/time-left.ts';
import { openTimers } from './open-timers.ts';

const DAY = 86_400_000;
const writeCall = { name: 'fs_write', args: { path: 'docs/new.md', text: 'x' } };
const readCall = { name: 'fs_read', args: { path: 'docs/notes.md' } };

class Asked extends PlayedRun {
  constructor() {
    super();
    this.at += 60_000;
    this.result('0/0', said({ calls: [writeCall, writeCall] }));
  }

  hold(place: string, leftMs: number | undefined = DAY, epoch = this.job(place).epoch): string[] {
    return this.apply({ type: 'held', job: `r1/${place}`, epoch, leftMs });
  }

  yes(place: string): string[] {
    return this.apply({ type: 'held', job: `r1/${place}`, epoch: this.job(place).epoch, leftMs: undefined });
  }

  timers(): string[] {
    return openTimers(this.run)
      .map(({ id, dueAt }) => `${id} ${dueAt - this.at}`)
      .toSorted();
  }
}

test('while the owner is asked neither the call nor its run is late; the device must say in time what became of it', () => {
  const run = new Asked();
  expect(run.timers()).toEqual([
    `r1/0/1/timeout ${TOOL_TIMEOUT_MS}`,
    `r1/0/2/timeout ${TOOL_TIMEOUT_MS}`,
    'r1/deadline 540000',
  ]);
  run.at += 1000;
  expect(run.hold('0/1')).toEqual(['jobHeld']);
  expect(run.timers()).toEqual([`r1/0/1/held/1 ${DAY + HELD_GRACE_MS}`, `r1/0/2/timeout ${TOOL_TIMEOUT_MS - 1000}`]);
  expect(viewJob(run.run, run.job('0/1')).state).toBe(JobState.APPROVAL);
  expect(run.ring('deadline')).toEqual([]);
  expect(run.ring('0/1/timeout')).toEqual([]);
  run.at += DAY / 2;
  expect(run.yes('0/1')).toEqual(['jobReleased']);
  expect(viewJob(run.run, run.job('0/1')).state).toBe(JobState.QUEUED);
  // Its time begins anew; that of the run goes on.
  expect(run.timers()).toContain(`r1/0/1/timeout/1 ${TOOL_TIMEOUT_MS}`);
  expect(run.timers()).toContain('r1/deadline/1 539000');
});

test('what is told again in the next session changes nothing; a later end of the owner’s time does', () => {
  const run = new Asked();
  run.hold('0/1');
  run.at += 1_000;
  expect(run.hold('0/1', DAY - 1_000)).toEqual([]);
  expect(run.hold('0/1', DAY + 30_000)).toEqual([]);
  expect(run.hold('0/1', DAY + 300_000)).toEqual(['jobHeld']);
  expect(run.job('0/1')).toMatchObject({ heldAt: run.at - 1000, heldUntil: run.at + DAY + 300_000 });
  expect(run.yes('0/1')).toEqual(['jobReleased']);
  expect(run.yes('0/1')).toEqual([]);
  expect(run.hold('0/1', DAY, 7)).toEqual([]);
  expect(run.hold('0/0')).toEqual([]);
});

test('the time of a run stands still for as long as any of its calls is held, however they overlap', () => {
  const run = new Asked();
  const before = timeLeft(run.run, run.job('0/0'), run.at);
  run.hold('0/1');
  run.at += 10_000;
  run.hold('0/2');
  run.at += 10_000;
  expect(timeLeft(run.run, run.job('0/0'), run.at)).toBe(before);
  run.yes('0/1');
  run.at += 10_000;
  expect(run.run.heldAt).toBeGreaterThan(0);
  run.result('0/2', { case: 'neverStarted', value: failure({ reason: 'APPROVAL_DENIED', code: 7 }) });
  expect(run.run).toMatchObject({ heldAt: 0, heldMs: 30_000 });
  expect(run.timers()).toContain('r1/deadline/1 540000');
});

test('a call that is sent again after the yes has its whole time', () => {
  const run = new Asked();
  const first = timeLeft(run.run, run.job('0/1'), run.at);
  run.at += TOOL_TIMEOUT_MS / 2;
  run.hold('0/1');
  run.at += DAY;
  expect(timeLeft(run.run, run.job('0/1'), run.at)).toBeGreaterThan(TOOL_TIMEOUT_MS / 2 - 2000);
  run.yes('0/1');
  expect(timeLeft(run.run, run.job('0/1'), run.at)).toBe(first);
});

test('a device that never says what became of it: the call is stopped, and then it is unclear', () => {
  const run = new Asked();
  run.hold('0/1', 1000);
  run.result('0/2', responses());
  run.at += 1000 + HELD_GRACE_MS;
  expect(run.ring('0/1/held/1')).toEqual(['jobCancelling']);
  expect(run.job('0/1')).toMatchObject({ phase: 'cancelling', cancelReason: 'APPROVAL_EXPIRED', heldAt: 0 });
  run.at += CANCEL_GRACE_MS;
  expect(run.ring('0/1/cancel')).toEqual(['jobFinished', 'jobQueued']);
  expect(run.job('0/1').phase).toBe('unknown');
});

test('a READ that is held too long has failed, because nothing can have happened', () => {
  const run = new PlayedRun();
  run.result('0/0', said({ calls: [readCall] }));
  run.apply({ type: 'held', job: 'r1/0/1', epoch: 1, leftMs: 0 });
  run.at += HELD_GRACE_MS;
  expect(run.ring('0/1/held/1')).toEqual(['jobFinished', 'jobQueued']);
  expect(run.job('0/1').lastFailure?.reason).toBe('APPROVAL_EXPIRED');
});

test('a cancel ends the wait; nothing is held after that', () => {
  const run = new Asked();
  run.hold('0/1');
  run.apply({ type: 'cancel', principal: 'owner:k', requestId: 'x' });
  expect(run.job('0/1')).toMatchObject({ phase: 'cancelling', heldAt: 0 });
  expect(run.run.heldAt).toBe(0);
  expect(run.hold('0/1')).toEqual([]);
});

test('a device may not hold a call for ever: not by a time without end, and not by asking again and again', () => {
  const run = new Asked();
  run.hold('0/1', Number.MAX_SAFE_INTEGER);
  expect(run.job('0/1').heldUntil).toBe(run.at + MAX_HELD_MS);
  for (let i = 0; i < 2 * MAX_HOLDS; i++) {
    run.yes('0/1');
    run.hold('0/1');
  }
  expect(run.job('0/1').holds).toBe(MAX_HOLDS);
  expect(run.hold('0/1')).toEqual([]);
});

test('a direct call waits as well: its deadline is that of the run, which stands still', () => {
  const method = methods.resolve('fs_write').fullName;
  const call = create(CallSpecSchema, { method, target: TargetKind.DEVICE, idempotencyKey: 'k' });
  const run = new PlayedRun({ call });
  run.apply({ type: 'held', job: 'r1/0/0', epoch: 1, leftMs: DAY });
  expect(openTimers(run.run).map(({ kind }) => kind)).toEqual(['held']);
  expect(timeLeft(run.run, run.job('0/0'), run.at + DAY)).toBe(timeLeft(run.run, run.job('0/0'), run.at));
});
