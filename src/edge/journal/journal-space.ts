// Space in the journal: it is pruned when it is three quarters full, and before a full one refuses something. How it is pruned is
// its owner's matter.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';

/** What stands in the way of pruning and can be mended; told instead of JOURNAL_FULL. */
const MENDABLE: readonly string[] = ['LEDGER_FULL', 'DISK_FULL'];
/** What refuses all that is new. */
const FULL: readonly string[] = ['JOURNAL_FULL', ...MENDABLE];
/** A pruning that did not succeed is tried again when the journal has grown, or after so long; sooner when something ended. */
const PRUNE_AGAIN_MS = 10_000;
const PRUNE_SOON_MS = 1_000;

export class JournalSpace {
  readonly #journal: { readonly bytes: number; readonly maxBytes: number };
  readonly #prune: () => Promise<number>;
  readonly #log: Logger;
  readonly #clock: Clock;
  #pruning: Promise<void> | undefined;
  /** Bytes of the journal from which it is pruned. */
  #pruneFrom: number;
  /** Monotonic time of the last pruning that brought nothing, and whether something ended since. */
  #triedAt = Number.NEGATIVE_INFINITY;
  #ended = false;
  #refused: AppError | undefined;
  /** Why the last pruning failed. */
  #problem: AppError | undefined;

  /** @param prune tells how many segments went */
  constructor(
    journal: { readonly bytes: number; readonly maxBytes: number },
    prune: () => Promise<number>,
    { log, clock }: { readonly log: Logger; readonly clock: Clock },
  ) {
    this.#journal = journal;
    this.#prune = prune;
    this.#log = log;
    this.#clock = clock;
    this.#pruneFrom = journal.maxBytes * 0.75;
  }

  /** Something is let go that was kept, so a pruning may bring more than the last one. */
  ended(): void {
    this.#ended = true;
  }

  /** Something was refused. */
  refusedBy(error: unknown): void {
    if (error instanceof AppError && FULL.includes(error.reason)) this.#refused = error;
  }

  /** Something was taken. @param ending what a full journal takes too */
  took(ending: boolean): void {
    if (!ending || this.#refused?.reason === 'DISK_FULL') this.#refused = undefined;
  }

  /** Why something new was refused last, while nothing says that it would be taken now. */
  get refused(): AppError | undefined {
    const { bytes, maxBytes } = this.#journal;
    if (this.#refused?.reason === 'JOURNAL_FULL' && bytes < maxBytes * 0.75) this.#refused = undefined;
    return this.#refused;
  }

  /** The journal has grown. */
  grown(): void {
    if (this.#journal.bytes > this.#pruneFrom) void this.#pruneOnce();
  }

  /** A full journal is pruned before something is refused. */
  async with<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof AppError) || error.reason !== 'JOURNAL_FULL') throw error;
      const pause = this.#ended ? PRUNE_SOON_MS : PRUNE_AGAIN_MS;
      const soon = this.#journal.bytes <= this.#pruneFrom && this.#clock.monotonic() - this.#triedAt < pause;
      if (!this.#pruning && soon) throw this.#problem ?? error;
      await this.#pruneOnce();
      return run().catch((again: unknown) => {
        const full = again instanceof AppError && again.reason === 'JOURNAL_FULL';
        throw (full && this.#problem) || again;
      });
    }
  }

  #pruneOnce(): Promise<void> {
    this.#problem = undefined;
    this.#ended = false;
    this.#pruning ??= this.#prune()
      .catch((error: unknown) => {
        this.#log.error('the journal could not be pruned', error);
        if (error instanceof AppError && MENDABLE.includes(error.reason)) this.#problem = error;
        return 0;
      })
      .then((segments) => {
        const { bytes, maxBytes } = this.#journal;
        // Without success it is not tried again at every append, but when the journal has grown.
        this.#pruneFrom = segments > 0 ? maxBytes * 0.75 : bytes + maxBytes / 16;
        this.#triedAt = segments > 0 ? Number.NEGATIVE_INFINITY : this.#clock.monotonic();
        this.#pruning = undefined;
        if (segments > 0) this.#log.info('the journal was pruned', { segments });
      });
    return this.#pruning;
  }
}
