import { expect, test } from 'vitest';
import { withHolds } from './holds.ts';
import type { FoldedRun } from './state.ts';

const YEAR = 365 * 86_400_000;
const NOW = Date.UTC(2026, 10, 30);

/** Begun, held and released at these times; returns how long it then has by the clock of who released it. */
function leftAfter(createdAt: number, heldAt: number, releasedAt: number): number {
  const timeoutMs = 600_000;
  const run = { createdAt, timeoutMs, heldAt, heldMs: 0, holds: 1, jobs: new Map() } as unknown as FoldedRun;
  const { heldMs } = withHolds(run, releasedAt);
  return createdAt + timeoutMs + heldMs - releasedAt;
}

test('the time of a run stands still while it is held', () => {
  expect(leftAfter(NOW, NOW + 60_000, NOW + 3_600_000)).toBe(540_000);
});

test('a replica whose clock is a year behind neither ends a run that is held nor gives it a year', () => {
  expect(leftAfter(NOW - YEAR, NOW, NOW + 1000)).toBe(600_000);
  expect(leftAfter(NOW - YEAR, NOW - YEAR + 1000, NOW)).toBe(599_000);
  expect(leftAfter(NOW, NOW - YEAR, NOW + 60_000)).toBe(600_000);
});
