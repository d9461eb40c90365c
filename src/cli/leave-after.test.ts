// How long a command waits, by a clock that the test turns.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { leaveAfter } from './leave-after.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function waiting() {
  const leave = new AbortController();
  const state = { known: false, late: 0 };
  const after = leaveAfter({
    wait: 1_000,
    leave,
    isKnown: () => state.known,
    onLate: () => {
      state.late += 1;
    },
  });
  return { leave, state, after };
}

test('an accepted ask is left when the time is over', () => {
  const { leave, state, after } = waiting();
  state.known = true;
  after.known();
  vi.advanceTimersByTime(999);
  expect(leave.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect([leave.signal.aborted, state.late]).toEqual([true, 0]);
});

test('one that is not accepted by then is left as soon as it is', () => {
  const { leave, state, after } = waiting();
  vi.advanceTimersByTime(5_000);
  expect([leave.signal.aborted, state.late]).toEqual([false, 1]);
  after.known();
  expect(leave.signal.aborted).toBe(true);
});

test('it is not waited for that without end', () => {
  const { leave } = waiting();
  vi.advanceTimersByTime(31_000);
  expect(leave.signal.reason).toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
  expect(leave.signal.reason.message).toContain('nobody had taken the ask; ask again');
});
