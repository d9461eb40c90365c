import { expect, test } from 'vitest';
import { lastRound } from './keyed-call.ts';

test('the last round is found, in a number of looks that grows with its digits only', async () => {
  for (let rounds = 0; rounds <= 300; rounds++) {
    let looks = 0;
    const last = await lastRound(async (round) => {
      looks++;
      return round < rounds;
    });
    expect(last).toBe(rounds - 1);
    expect(looks).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(rounds + 2)) + 1);
  }
});
