// What a replica takes over from one that is gone.
import { expect, test } from 'vitest';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { LeaseLoop } from './lease-loop.ts';

test('what a worker has come back with since the reading is not taken over', async () => {
  const clock = new ManualClock();
  const read = ['a', 'b', 'c'].map((dispatchId) => ({ dispatchId, job: dispatchId, epoch: 1, holder: 'dead' }));
  // b is another replica's by now, c is over.
  const now = read.slice(0, 2).map((row, n) => (n === 1 ? { ...row, holder: 'alive' } : row));
  const lost: string[] = [];
  const nothing = async () => {};
  const parts = {
    leases: { renew: nothing, drop: nothing, orphans: async () => (lost.length === 0 ? read : []) },
    versions: { look: nothing },
    outbox: {
      heldBy: async () => [],
      check: async (ids: string[]) => now.filter((row) => ids.includes(row.dispatchId)),
    },
    workers: {
      inFlight: () => [],
      knows: () => false,
      stopAttempts: () => {},
      scan: nothing,
      recordLoss: async ({ dispatchId }: { dispatchId: string }) => void lost.push(dispatchId),
    },
    relay: { forget: () => {}, verify: nothing, survey: nothing },
    clock,
    log: silentLogger,
    config: { replica: 'me', scanMs: 100, leaseMs: 1_000, workerGraceMs: 0, recoverAfterMs: 0 },
    scan: nothing,
  };
  const loop = new LeaseLoop(parts as unknown as ConstructorParameters<typeof LeaseLoop>[0]);
  await loop.start();
  clock.advance(0);
  await expect.poll(() => lost).toEqual(['a']);
  await loop.stop();
  expect(lost).toEqual(['a']);
});
