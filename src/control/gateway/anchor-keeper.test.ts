import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { AnchorKeeper } from './anchor-keeper.ts';

const head = (n: number) => new Uint8Array(32).fill(n);

function keeper(save: (sequence: number) => Promise<boolean>) {
  const saved: number[] = [];
  const state = { over: false };
  const anchors = new AnchorKeeper({
    journal: 'j',
    clock: systemClock,
    over: () => state.over,
    save: async ({ sequence }) => {
      const result = await save(sequence);
      saved.push(sequence);
      return result;
    },
  });
  return { anchors, saved, state };
}

test('whatever comes while one is written is written together, and an older position is none', async () => {
  const { anchors, saved } = keeper(async () => true);
  const all = [3, 1, 2, 9, 4].map((n) => anchors.advance(n, head(n)));
  expect(await Promise.all(all)).toEqual([true, true, true, true, true]);
  expect(saved.length).toBeLessThanOrEqual(2);
  expect(saved.at(-1)).toBe(9);
  expect(await anchors.advance(5, head(5))).toBe(true);
  expect(await anchors.advance(12, new Uint8Array())).toBe(true);
  expect(saved.at(-1)).toBe(9);
});

test('a store that fails for now is asked again; nothing is acknowledged before it has it, or after the session', async () => {
  let failures = 2;
  const { anchors, saved, state } = keeper(async () => {
    if (failures-- > 0) throw new AppError('STORE_BUSY', { waiting: 3 });
    return true;
  });
  expect(await anchors.advance(1, head(1))).toBe(true);
  expect([saved, failures]).toEqual([[1], -1]);
  state.over = true;
  expect(await anchors.advance(2, head(2))).toBe(false);
  const superseded = keeper(async () => false);
  expect(await superseded.anchors.advance(1, head(1))).toBe(false);
});
