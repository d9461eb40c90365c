// Keeps the anchor of one session's journal at the newest outcome that is acknowledged: written before the acknowledgement, so
// that a journal that lacks what was acknowledged is a fork, also when it lost it in the midst of a session.
import { fullJitter } from '../../base/backoff.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { JournalAnchor } from '../identity/devices.ts';

export interface AnchorKeeperParts {
  readonly journal: string;
  readonly clock: Clock;
  /** Writes it down while the session stands; false when it does not any more. */
  readonly save: (anchor: JournalAnchor) => Promise<boolean>;
  /** Whether the session is over. */
  readonly over: () => boolean;
}

export class AnchorKeeper {
  readonly #parts: AnchorKeeperParts;
  #wanted: JournalAnchor | undefined;
  #saving: Promise<boolean> | undefined;
  #saved = 0;

  constructor(parts: AnchorKeeperParts) {
    this.#parts = parts;
  }

  /**
   * Resolves true when this position, or a later one, is the anchor; false when the session is over, and then nothing may be
   * acknowledged. What comes while one is written is written together. A position without a head proves nothing: it is true.
   */
  async advance(sequence: number, head: Uint8Array): Promise<boolean> {
    if (head.length === 0 || sequence <= this.#saved) return true;
    if (sequence > (this.#wanted?.sequence ?? 0)) this.#wanted = { id: this.#parts.journal, sequence, head };
    while (this.#saved < sequence) {
      this.#saving ??= this.#save().finally(() => {
        this.#saving = undefined;
      });
      if (!(await this.#saving)) return false;
    }
    return true;
  }

  async #save(): Promise<boolean> {
    const { clock, save, over } = this.#parts;
    // Those of this turn of the event loop go with it.
    await Promise.resolve();
    for (let round = 1; !over(); round++) {
      const wanted = this.#wanted;
      if (!wanted) return true;
      try {
        if (!(await save(wanted))) return false;
        this.#saved = wanted.sequence;
        return true;
      } catch (error) {
        if (error instanceof AppError && !error.retryable) throw error;
        await sleep(clock, fullJitter(round, 100, 5_000));
      }
    }
    return false;
  }
}
