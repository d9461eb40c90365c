// Dispatches that this replica makes free again. Until the store has answered, one may still look like its own, so nobody here claims it.
import type { Outbox } from '../../store/outbox.ts';

export class GivingBack {
  readonly #replica: string;
  readonly #outbox: Pick<Outbox, 'release'>;
  readonly #open = new Set<string>();
  readonly #unanswered = new Set<string>();

  constructor(replica: string, outbox: Pick<Outbox, 'release'>) {
    this.#replica = replica;
    this.#outbox = outbox;
  }

  has(dispatchId: string): boolean {
    return this.#open.has(dispatchId);
  }

  /** Those that the store did not answer for: to be given back once more. */
  unanswered(): string[] {
    return [...this.#unanswered];
  }

  /** @throws what the store throws; it may come to pass all the same, so they stay open until a later one is answered. */
  async giveBack(dispatchIds: readonly string[]): Promise<void> {
    if (dispatchIds.length === 0) return;
    for (const id of dispatchIds) this.#open.add(id);
    try {
      await this.#outbox.release(this.#replica, dispatchIds);
    } catch (error) {
      for (const id of dispatchIds) this.#unanswered.add(id);
      throw error;
    }
    for (const id of dispatchIds) {
      this.#open.delete(id);
      this.#unanswered.delete(id);
    }
  }
}
