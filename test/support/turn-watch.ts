// For suites: the longest turn of the event loop while something is done with one input of a corpus after another.
import { LOOP_LIMIT_MS, LoopWatch } from '../../src/base/loop-watch.ts';

export interface TurnsOf<T> {
  readonly limitMs?: number;
  /** Names an input in the message; default: its number. */
  readonly name?: (input: T, index: number) => string;
  /** Times that an input which took too long is tried again: loading, and what the machine did beside it, counts no more. Default 4. */
  readonly again?: number;
}

/**
 * Does `work` with each input and throws, naming the input, where one turn took more than `limitMs` (50) of the processor's
 * time; on a machine that is slower at this moment than the one the limit is for, in proportion more. The first input is done once
 * before, unmeasured, so that loading and compiling do not count.
 */
export async function withTurnWatch<T>(
  inputs: readonly T[],
  work: (input: T) => unknown,
  { limitMs = LOOP_LIMIT_MS, name = (_input, index) => `input ${index}`, again = 4 }: TurnsOf<T> = {},
): Promise<{ longestMs: number }> {
  let longest = 0;
  if (inputs.length > 0) await work(inputs[0]!);
  for (const [index, input] of inputs.entries()) {
    let took = Number.POSITIVE_INFINITY;
    for (let left = again; left >= 0 && took > limitMs; left--) took = Math.min(took, await turnOf(() => work(input)));
    const limit = took > limitMs ? limitMs * slowness() : limitMs;
    if (took > limit) {
      throw new Error(
        `${name(input, index)}: one turn took ${Math.round(took)} ms of the processor, over ${Math.round(limit)} ms`,
      );
    }
    longest = Math.max(longest, took);
  }
  return { longestMs: longest };
}

/** The longest turn of `work`, in milliseconds of the processor. */
export async function turnOf(work: () => unknown): Promise<number> {
  const watch = new LoopWatch({ mostApartMs: 10 });
  watch.start();
  await rounds(2);
  try {
    await work();
    // The look that ends the last turn comes with a timer.
    await new Promise((resolve) => setTimeout(resolve, 15));
    await rounds(1);
  } finally {
    watch.stop();
  }
  return watch.figures.longestMs;
}

/** What the reference takes on the machine that the limit is for, a fast desktop, in milliseconds of the processor. */
const REFERENCE_MS = 8;
const REFERENCE = JSON.stringify(
  Array.from({ length: 20_000 }, (_, at) => ({ at, text: 'word word word ', list: [at, null, true] })),
);

/** How many times longer than there a fixed piece of work takes here and now; at least 1. */
function slowness(): number {
  const took = Array.from({ length: 7 }, () => {
    const before = process.threadCpuUsage();
    JSON.stringify(JSON.parse(REFERENCE));
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.max(1, took.sort((a, b) => a - b)[3]! / REFERENCE_MS);
}

async function rounds(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
}
