// Results that the control plane has: written down together, and what was kept for them is dropped then.
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Blobs } from '../journal/blobs.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';

export interface SettledResultsParts {
  readonly journal: Pick<EdgeJournal, 'append' | 'calls' | 'acknowledged'>;
  readonly blobs: Pick<Blobs, 'remove'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class SettledResults {
  readonly #parts: SettledResultsParts;
  #keys: string[] = [];
  #stop: (() => void) | undefined;

  constructor(parts: SettledResultsParts) {
    this.#parts = parts;
  }

  /** The control plane has the result of this key for this job. Written down with the next record, or within a second. */
  add(idempotencyKey: string, job: string): void {
    const entry = this.#parts.journal.calls.get(idempotencyKey);
    if (!entry || entry.job !== job || entry.settled || this.#keys.includes(idempotencyKey)) return;
    this.#parts.journal.acknowledged(entry.sequence);
    this.#keys.push(idempotencyKey);
    if (this.#keys.length >= 256) this.flush();
    else this.#stop ??= this.#parts.clock.after(1000, () => this.flush());
  }

  flush(): void {
    this.#stop?.();
    this.#stop = undefined;
    const keys = this.#keys;
    this.#keys = [];
    if (keys.length === 0) return;
    const records = keys.map((idempotencyKey) => ({ case: 'toolSettled', value: { idempotencyKey } }) as const);
    // If this fails, the results are sent once more.
    this.#parts.journal
      .append(records)
      .then(() => this.#dropBlobs())
      .catch((error: unknown) => {
        this.#parts.log.warn('settled results could not be written down', { problem: String(error) });
      });
  }

  async #dropBlobs(): Promise<void> {
    for (const name of this.#parts.journal.calls.pullDropped()) await this.#parts.blobs.remove(name);
  }
}
