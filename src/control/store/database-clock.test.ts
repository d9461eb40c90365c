import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { DatabaseClock } from './database-clock.ts';

/** A database whose time differs from the clock's by `ahead` (of the clock), and which answers after `tookMs`. */
function database(own: ManualClock, tookMs: number) {
  const state = { ahead: 0 };
  const ask = async () => {
    own.advance(tookMs / 2);
    const theirs = own.now() - state.ahead;
    own.advance(tookMs / 2);
    return theirs;
  };
  return { state, ask };
}

test('the time of the database is used, whichever way and however far the machine is off, and it heals', async () => {
  for (const tookMs of [0, 10, 800]) {
    const own = new ManualClock();
    const clock = new DatabaseClock(own);
    const { state, ask } = database(own, tookMs);
    for (const ahead of [0, 7 * 60_000, -7 * 60_000, 400 * 86_400_000, 2_000, 0]) {
      state.ahead = ahead;
      await clock.measure(ask);
      const theirs = own.now() - ahead;
      expect(Math.abs(clock.now() - theirs), `${ahead} ahead, answer in ${tookMs}`).toBeLessThanOrEqual(
        tookMs / 2 + 250,
      );
      expect(Math.abs(clock.figures.aheadMs - ahead)).toBeLessThanOrEqual(clock.figures.within + 1);
    }
    expect(clock.now()).toBe(own.now());
  }
});

test('a small difference, an answer that took long and one that failed leave the time as it is', async () => {
  const own = new ManualClock();
  const clock = new DatabaseClock(own);
  const near = database(own, 20);
  near.state.ahead = 180;
  await clock.measure(near.ask);
  expect(clock.now()).toBe(own.now());
  const slow = database(own, 20_000);
  slow.state.ahead = 3_600_000;
  await clock.measure(slow.ask);
  expect(clock.now()).toBe(own.now());
  await expect(clock.measure(async () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(clock.now()).toBe(own.now());
});
