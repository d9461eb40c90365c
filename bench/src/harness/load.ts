// Drives one operation: one after the other for its latency, or so many in flight for its rate. Runs inside the process
// that generates the load, the same for Bowline and for its peers.

export interface LatencyArgs {
  readonly count: number;
}

export interface RateArgs {
  readonly count: number;
  readonly inFlight: number;
}

export interface RateResult {
  readonly perSecond: number;
  /** Milliseconds of each, in the order of their ends. */
  readonly latencies: number[];
}

/** Milliseconds of each of `count` operations, one at a time. */
export async function latencies(operation: () => Promise<unknown>, { count }: LatencyArgs): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await operation();
    times.push(performance.now() - start);
  }
  return times;
}

/** Operations per second with `inFlight` of them always under way. */
export async function rate(operation: () => Promise<unknown>, { count, inFlight }: RateArgs): Promise<RateResult> {
  const times: number[] = [];
  let left = count;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left-- > 0) {
        const began = performance.now();
        await operation();
        times.push(performance.now() - began);
      }
    }),
  );
  return { perSecond: (count / (performance.now() - start)) * 1000, latencies: times };
}
