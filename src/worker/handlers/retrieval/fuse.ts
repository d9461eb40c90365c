// Makes one order of several by reciprocal rank fusion (Cormack, Clarke & Büttcher, SIGIR 2009): it needs no common scale of
// distances and scores. Pure.

/** The constant of the paper. */
const K = 60;

/** One list, the best first; `kind` says where its ranks are told. */
export interface RankedList<T> {
  readonly kind: 'vector' | 'text';
  readonly items: readonly T[];
}

export interface Fused<T> {
  readonly item: T;
  readonly score: number;
  /** From 1; 0 when it is in no list of that kind. */
  readonly vectorRank: number;
  readonly textRank: number;
}

/** The best first, at most `limit`; equals in the order of `tie`. */
export function fuse<T>(
  lists: readonly RankedList<T>[],
  key: (item: T) => number | string,
  tie: (a: T, b: T) => number,
  limit: number,
): Fused<T>[] {
  const found = new Map<number | string, { item: T; score: number; vectorRank: number; textRank: number }>();
  for (const { kind, items } of lists) {
    for (const [at, item] of items.entries()) {
      const entry = found.get(key(item)) ?? { item, score: 0, vectorRank: 0, textRank: 0 };
      entry.score += 1 / (K + at + 1);
      entry[kind === 'vector' ? 'vectorRank' : 'textRank'] = at + 1;
      found.set(key(item), entry);
    }
  }
  return [...found.values()].sort((a, b) => b.score - a.score || tie(a.item, b.item)).slice(0, limit);
}
