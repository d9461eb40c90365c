// The port through which a replica holds a job in the very commit that makes it, because a worker of its own will have it.
import type { OutboxRow } from '../../store/unit.ts';
import type { FoldedRun } from '../run/state.ts';

export interface HandOff {
  readonly replica: string;
  /** True when a worker's slot is kept for it from now on, until it is committed and told, or withdrawn. Must not throw. */
  promise(
    row: OutboxRow & { readonly tenant: string; readonly method: string; readonly conversation: string },
  ): boolean;
  /**
   * Sends what was promised to its worker while its commit is under way, if it may be begun for nothing; what comes of it is kept back
   * until it is told, or stopped when it is withdrawn. Must not throw.
   */
  begin(dispatchId: string, state: FoldedRun): void;
  /** What of these was promised and not told did not come to be. */
  withdraw(dispatchIds: Iterable<string>): void;
}
