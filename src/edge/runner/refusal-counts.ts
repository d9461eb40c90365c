// How often tool calls were refused since the start, by reason: so that the owner is told why calls fail. Bounded: what is
// refused is chosen by whoever calls.
import type { Failure } from '../../../gen/bowline/common/v1/common_pb.ts';

export interface RefusalCount {
  readonly why: Failure;
  count: number;
  /** Milliseconds since 1970. */
  lastAt: number;
}

/** Reasons that are told apart; there are fewer in the table of errors. */
const MAX_REASONS = 64;

export class RefusalCounts {
  readonly #byReason = new Map<string, RefusalCount>();

  add(why: Failure, at: number): void {
    const known = this.#byReason.get(why.reason);
    if (known) {
      known.count++;
      known.lastAt = at;
    } else if (this.#byReason.size < MAX_REASONS) this.#byReason.set(why.reason, { why, count: 1, lastAt: at });
  }

  /** The most frequent first. */
  list(): RefusalCount[] {
    return [...this.#byReason.values()].sort((a, b) => b.count - a.count);
  }
}
