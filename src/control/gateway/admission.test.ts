import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import type { AppError } from '../../base/errors.ts';
import { Admission } from './admission.ts';

const never = () => new AbortController().signal;
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('so many begin at once, the next ones in line, and whoever leaves the line is not waited for', async () => {
  const admission = new Admission({ atOnce: 2, patienceMs: 1_000, clock: new ManualClock() });
  const first = await admission.enter(never());
  await admission.enter(never());
  const order: string[] = [];
  const gone = new AbortController();
  const left = admission.enter(gone.signal).catch((error: AppError) => error.reason);
  void admission.enter(never()).then(() => order.push('next'));
  gone.abort();
  expect(await left).toBe('CANCELED');
  await turn();
  expect(order).toEqual([]);
  first();
  first();
  await turn();
  expect(order).toEqual(['next']);
});

test('a herd: each is served or told a moment of its own, and all are served when they come then', async () => {
  const clock = new ManualClock();
  const admission = new Admission({ atOnce: 8, patienceMs: 2_000, clock });
  const began = clock.monotonic();
  let served = 0;
  let refused = 0;
  const moments: number[] = [];
  const come = async (): Promise<void> => {
    try {
      const begun = await admission.enter(never());
      clock.after(100, () => {
        served++;
        begun();
      });
    } catch (error) {
      refused++;
      const ms = Number((error as AppError).metadata.ms);
      moments.push(clock.monotonic() + ms);
      clock.after(ms, () => void come());
    }
  };
  for (let n = 0; n < 1_000; n++) void come();
  await turn();
  // Not all at one moment.
  expect(new Set(moments).size).toBeGreaterThan(moments.length / 10);
  for (let ms = 0; served < 1_000 && ms < 60_000; ms += 10) {
    clock.advance(10);
    await turn();
  }
  expect(served).toBe(1_000);
  // 8 in each 100 ms are 12.5 s without any pause.
  expect(clock.monotonic() - began).toBeLessThan(30_000);
  expect(refused).toBeLessThan(5 * 1_000);
});
