// How many runs each owner key may have open. The store knows those that are committed, this knows those on their way there, so that
// asks that come at once do not all pass the same count. It sees one replica only: over several, a key may get over the limit by what
// the others commit between its count and its commit.
import { fixedLimit } from '../../../base/fixed-limit.ts';

/** Runs that one owner key may have open at a time, like the asks of one box. */
export const MAX_OPEN_RUNS = 256;

export class OwnerAsks {
  /** By key, in the order of their coming; each resolves when its ask is over. */
  readonly #lines = new Map<string, Set<Promise<void>>>();

  /**
   * Commits a run, if there is room for it. Throws LIMIT_EXCEEDED, and what `count` and `commit` throw.
   * @param count the runs of this key in the store that are open
   */
  async commit<T>(key: string, count: () => Promise<number>, commit: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? new Set();
    const ahead = line.size;
    const { promise: me, resolve: over } = Promise.withResolvers<void>();
    this.#lines.set(key, line.add(me));
    try {
      await mustHaveRoom(line, me, ahead, count);
      return await commit();
    } finally {
      line.delete(me);
      if (line.size === 0) this.#lines.delete(key);
      over();
    }
  }
}

/** Whoever comes later counts this one, so only those ahead matter. One that is committed meanwhile may be counted twice. */
async function mustHaveRoom(
  line: ReadonlySet<Promise<void>>,
  me: Promise<void>,
  ahead: number,
  count: () => Promise<number>,
): Promise<void> {
  let open = await count();
  if (open + ahead < MAX_OPEN_RUNS) return;
  if (ahead > 0 && open < MAX_OPEN_RUNS) {
    // Close to the limit each waits for those before it; then the store has them all.
    for (const other of [...line]) {
      if (other === me) break;
      await other;
    }
    open = await count();
  }
  if (open >= MAX_OPEN_RUNS)
    throw fixedLimit('the number of open runs of one owner key', MAX_OPEN_RUNS, 'wait for some, or cancel some');
}
