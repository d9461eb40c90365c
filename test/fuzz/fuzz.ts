// Fuzzers: hostile inputs made from a seed, played against real parts. A round that fails is played again by its seed.
import { seeded } from '../support/seeded.ts';

/** What one fuzzer attacks. Names are short and unique: `port`, `frames-edge`, `tool-search`. */
export interface Fuzz {
  readonly name: string;
  /** Starts what is attacked, once for all rounds. */
  open(): Promise<FuzzTarget>;
}

export interface FuzzTarget {
  /** One input made from `random` and one judgement of what came of it. Throws what is wrong. Bounds its own waits. */
  round(random: Random): Promise<void>;
  /** Judges what all rounds together left behind (memory, tasks, files), then ends everything. */
  close(): Promise<void>;
}

/** Seeded choices. All are the same for the same seed. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A whole number in [0, below). */
  int(below: number): number;
  /** One of `items`, which is not empty. */
  pick<T>(items: readonly T[]): T;
  /** True in `part` of all cases (0 to 1). */
  chance(part: number): boolean;
  bytes(length: number): Uint8Array;
}

export function randomOf(seed: number): Random {
  const next = seeded(seed);
  const int = (below: number) => Math.floor(next() * below);
  return {
    next,
    int,
    pick: (items) => items[int(items.length)]!,
    chance: (part) => next() < part,
    bytes: (length) => Uint8Array.from({ length }, () => int(256)),
  };
}

export interface FuzzRun {
  readonly fuzz: Fuzz;
  /** The seed of the first round; each next round has the next number. */
  readonly first: number;
  /** Ends after the round in which either is reached. At least one round is played. */
  readonly rounds: number;
  readonly milliseconds: number;
}

/** Plays rounds until a bound is met. Throws the first failure with the seed that plays it again. */
export async function playFuzz({ fuzz, first, rounds, milliseconds }: FuzzRun): Promise<{ rounds: number }> {
  const target = await fuzz.open();
  const end = performance.now() + milliseconds;
  let played = 0;
  try {
    do {
      const seed = first + played;
      try {
        await target.round(randomOf(seed));
      } catch (cause) {
        throw new Error(`${fuzz.name}: seed ${seed} failed; again: make fuzz ONLY=${fuzz.name} SEED=${seed}`, {
          cause,
        });
      }
      played += 1;
    } while (played < rounds && performance.now() < end);
  } finally {
    await target.close();
  }
  return { rounds: played };
}
