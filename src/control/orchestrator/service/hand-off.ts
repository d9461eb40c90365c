// The port through which a replica holds a job in the very commit that makes it, because a worker of its own will have it.
import type { OutboxRow } from '../../store/unit.ts';

export interface HandOff {
  readonly replica: string;
  /** True when a worker's slot is kept for it from now on, until it is committed and told, or withdrawn. Must not throw. */
  promise(row: OutboxRow & { readonly tenant: string; readonly method: string }): boolean;
  /** What of these was promised and not told did not come to be. */
  withdraw(dispatchIds: Iterable<string>): void;
}
