// Exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).

/** Milliseconds to wait before try `attempt` (from 1): uniform in [0, min(cap, base * 2^(attempt-1))]. */
export function fullJitter(attempt: number, base: number, cap: number, random: () => number = Math.random): number {
  return random() * Math.min(cap, base * 2 ** Math.min(attempt - 1, 30));
}
