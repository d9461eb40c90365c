// Each fuzzer for a bounded time from a printed seed, the same in each run (BOWLINE_FUZZ_SEED plays others); `make fuzz MINUTES=n` plays
// them longer, from seeds of chance.
import { describe, expect, test } from 'vitest';
import { FUZZERS } from './all.ts';
import { playFuzz, randomOf } from './fuzz.ts';

const ROUNDS = 300;
const MILLISECONDS = 1_200;

describe('fuzzing finds nothing', () => {
  for (const load of FUZZERS) {
    test(String(load).match(/\w[\w-]*\.fuzz/)?.[0] ?? 'fuzz', { timeout: 90_000 }, async () => {
      const fuzz = await load();
      const first = Number(process.env.BOWLINE_FUZZ_SEED || 1);
      console.log(`fuzz ${fuzz.name}: first seed ${first}`);
      expect((await playFuzz({ fuzz, first, rounds: ROUNDS, milliseconds: MILLISECONDS })).rounds).toBeGreaterThan(0);
    });
  }
});

describe('the fuzzers themselves', () => {
  test('a seed gives the same choices again', () => {
    const draw = (seed: number) => Array.from({ length: 20 }, () => seed).map(() => randomOf(seed).int(1000));
    expect(draw(7)).toEqual(draw(7));
    expect([...randomOf(7).bytes(8)]).not.toEqual([...randomOf(8).bytes(8)]);
  });

  test('a failing round is named with its seed, and the target is closed', async () => {
    let closed = 0;
    let round = 0;
    const fuzz = {
      name: 'third-fails',
      open: async () => ({
        round: async () => {
          round += 1;
          if (round === 3) throw new Error('the third');
        },
        close: async () => {
          closed += 1;
        },
      }),
    };
    await expect(playFuzz({ fuzz, first: 40, rounds: 9, milliseconds: 60_000 })).rejects.toThrow(
      /ONLY=third-fails SEED=42/,
    );
    expect(closed).toBe(1);
  });
});
