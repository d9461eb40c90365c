import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { watchAlone } from './watch-alone.ts';

test('another replica on the same database is told once as long as it lives, one killed just before the start is not', async () => {
  const clock = new ManualClock();
  const said: string[] = [];
  let live = ['me', 'killed just before'];
  const parts = { leases: { live: async () => live }, replica: 'me', leaseMs: 1_000, clock };
  const stop = watchAlone({ ...parts, say: (warning) => said.push(warning) });
  const lease = async () => {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  };
  live = ['me'];
  await lease();
  expect(said).toEqual([]);
  live = ['me', 'b'];
  await lease();
  await lease();
  expect(said).toEqual([expect.stringMatching(/another replica is at work on this database; set REDIS_URL/)]);
  live = ['me'];
  await lease();
  live = ['me', 'c', 'd'];
  await lease();
  expect(said[1]).toMatch(/2 other replicas are/);
  stop();
  await lease();
  expect(said.length).toBe(2);
});
