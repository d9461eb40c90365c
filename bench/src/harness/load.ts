// Drives one operation: one after the other for its latency, or so many in flight for its rate. Runs inside the process
// that generates the load, the same for Bowline and for its peers. By time, not by count, so that a slow side takes no longer.

export interface LatencyArgs {
  readonly ms: number;
  /** Rest between two, so that what follows an answer does not delay the next; default none. */
  readonly pauseMs?: number;
}

/** Milliseconds on the clock that all processes of a machine share. */
export const sharedNow = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface RateArgs {
  readonly ms: number;
  readonly inFlight: number;
}

export interface RateResult {
  readonly perSecond: number;
  readonly count: number;
  /** Milliseconds of each, in the order of their ends. */
  readonly latencies: number[];
}

/** Milliseconds of each operation, one at a time, for so long; at least five. */
export async function latencies(operation: () => Promise<unknown>, { ms, pauseMs }: LatencyArgs): Promise<number[]> {
  const times: number[] = [];
  const until = performance.now() + ms;
  while (times.length < 5 || performance.now() < until) {
    const start = performance.now();
    await operation();
    times.push(performance.now() - start);
    if (pauseMs) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return times;
}

/** Operations per second with `inFlight` of them always under way for so long; those at the end are waited for and counted. */
export async function rate(operation: () => Promise<unknown>, { ms, inFlight }: RateArgs): Promise<RateResult> {
  const times: number[] = [];
  const start = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      do {
        const began = performance.now();
        await operation();
        times.push(performance.now() - began);
      } while (performance.now() - start < ms);
    }),
  );
  return { perSecond: (times.length / (performance.now() - start)) * 1000, count: times.length, latencies: times };
}
