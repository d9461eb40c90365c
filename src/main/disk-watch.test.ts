import { expect, test, vi } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { watchDisk } from './disk-watch.ts';

test('a disk without room is told once, and once when it has room again', async () => {
  const clock = new ManualClock();
  const said: string[] = [];
  let left = 1 << 30;
  let looks = 0;
  const free = async () => {
    looks += 1;
    return left;
  };
  const stop = watchDisk({ folder: '/home/x', clock, free, say: (what) => said.push(what) });
  for (const next of [1 << 30, 3 << 20, 2 << 20, 1 << 30]) {
    const seen = looks;
    left = next;
    await vi.waitFor(() => {
      clock.advance(5_000);
      expect(looks).toBeGreaterThan(seen + 1);
    });
  }
  expect(said).toEqual([
    'the disk of /home/x is full (3 MB left): runs wait until there is room; free some space',
    'the disk of /home/x has room again (1024 MB)',
  ]);
  stop();
});
