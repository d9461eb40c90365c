// Time as a dependency. Pure code never reads it; programs pass `systemClock`, tests a manual one.

export interface Clock {
  /** Wall time in milliseconds since 1970. */
  now(): number;
  /** Monotonic milliseconds; only differences mean something. */
  monotonic(): number;
  /** Calls `run` once after `ms`; returns how to stop it. Never keeps the process alive by itself. */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, Math.min(Math.max(ms, 0), 0x7fffffff));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or at once when the signal aborts (it does not throw; the caller looks at the signal). */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = () => {
      stop();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const stop = clock.after(ms, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
}
