import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { askDeadline } from './ask-deadline.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function running(timeoutMs: number | undefined) {
  const state = { waits: false, late: 0 };
  const stop = askDeadline(timeoutMs, { waits: () => state.waits, late: () => state.late++ });
  return { state, stop };
}

test('it is late when its time and that of its end are over, once', () => {
  const { state } = running(60_000);
  vi.advanceTimersByTime(62_000);
  expect(state.late).toBe(0);
  vi.advanceTimersByTime(2_000);
  expect(state.late).toBe(1);
  vi.advanceTimersByTime(100_000);
  expect(state.late).toBe(1);
});

test('while the owner is asked its time stands still; what was left before is left after', () => {
  const { state } = running(60_000);
  vi.advanceTimersByTime(50_000);
  state.waits = true;
  vi.advanceTimersByTime(3_600_000);
  state.waits = false;
  vi.advanceTimersByTime(12_000);
  expect(state.late).toBe(0);
  vi.advanceTimersByTime(2_000);
  expect(state.late).toBe(1);
});

test('without a time, and after it was stopped, it is never late', () => {
  const without = running(undefined);
  const stopped = running(1_000);
  stopped.stop();
  vi.advanceTimersByTime(3_600_000);
  expect([without.state.late, stopped.state.late]).toEqual([0, 0]);
});
