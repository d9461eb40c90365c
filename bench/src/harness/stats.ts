// Numbers of samples and of rounds.

/** The p-th percentile (0 to 100), by nearest rank. NaN of nothing. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((p / 100) * sorted.length) - 1))] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => percentile(samples, 50);

/** Largest over smallest round; 1 when all agree. */
export function spread(rounds: readonly number[]): number {
  if (rounds.length === 0) return Number.NaN;
  const [most, least] = [Math.max(...rounds), Math.min(...rounds)];
  return most === least ? 1 : most / least;
}
