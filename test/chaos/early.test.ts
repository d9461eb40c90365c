// Jobs that are at their workers before their commit: with commits that pass, lose their answer or come second, nothing is shown before its
// commit, given out twice or lost; and the judge sees it where the program does one of these.
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Attempts } from '../../src/control/dispatch/attempts/attempts.ts';
import { DispatchNonces } from '../../src/control/orchestrator/service/dispatch-nonces.ts';
import { EarlySite } from './early-watch.ts';

vi.setConfig({ testTimeout: 120_000 });

let site: EarlySite;
beforeAll(async () => {
  site = await EarlySite.start();
});
afterAll(() => site?.close());

const SEEDS = (process.env.BOWLINE_CHAOS_SEEDS ?? '1,2,3').split(',').map(Number);

afterEach(() => vi.restoreAllMocks());

test.each(SEEDS)('with seed %i nothing is shown before its commit, given out twice or lost', async (seed) => {
  const { wrong, ways, early } = await site.play(seed);
  expect(wrong).toEqual([]);
  expect(early).toBeGreaterThan(5);
  for (const times of Object.values(ways)) expect(times).toBeGreaterThan(0);
});

test('an output that is let through before its commit is seen', async () => {
  const add = Attempts.prototype.add;
  vi.spyOn(Attempts.prototype, 'add').mockImplementation(function (this: Attempts, row, session, state) {
    return add.call(this, row, session, state);
  });
  expect((await site.play(4)).wrong.join('\n')).toMatch(/was shown before its commit/);
});

test('an id that is used again after its commit failed is seen', async () => {
  vi.spyOn(DispatchNonces.prototype, 'next').mockReturnValue('again');
  expect((await site.play(5)).wrong.join('\n')).toMatch(/given out twice|failed to be committed, and came to be/);
});
