// Keeps a set or a map within a bound: what was put in first goes first.

/** Drops the oldest until no more than `most` are left. Costs nothing while there is room. */
export function dropOldest<K>(from: Set<K> | Map<K, unknown>, most: number): void {
  for (const oldest of from.keys()) {
    if (from.size <= most) return;
    from.delete(oldest);
  }
}
