// After a restored database was recovered: the outstanding attempts from before are given up, and made anew above the base of
// epochs. Nobody may claim them meanwhile; that the store sees to.
import type { Logger } from '../../../base/logger.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import { ifReadable } from '../../orchestrator/service/unreadable.ts';
import type { Outbox } from '../../store/outbox.ts';

export interface PastEpochsParts {
  readonly runs: Pick<Orchestrator, 'command'>;
  readonly outbox: Pick<Outbox, 'upToEpoch'>;
  readonly log: Logger;
}

const PAGE = 500;

export class PastEpochs {
  readonly #parts: PastEpochsParts;
  #ending: Promise<void> | undefined;

  constructor(parts: PastEpochsParts) {
    this.#parts = parts;
  }

  /** Gives up all outstanding attempts of workers with epochs up to this one. Never throws; calls are merged. */
  end(epochBase: number): Promise<void> {
    this.#ending ??= this.#endAll(epochBase)
      .catch((error: unknown) =>
        this.#parts.log.warn('attempts from before the restore could not be ended yet', { why: String(error) }),
      )
      .finally(() => {
        this.#ending = undefined;
      });
    return this.#ending;
  }

  async #endAll(epochBase: number): Promise<void> {
    const { runs, outbox, log } = this.#parts;
    for (let after = ''; ; ) {
      const rows = await outbox.upToEpoch(epochBase, PAGE, after);
      for (const { tenant, run, job, epoch, dispatchId } of rows) {
        const lost = runs.command(
          tenant,
          run,
          { type: 'attemptLost', job, epoch, why: 'the database was restored' },
          { source: 'dispatch', commandId: `lost:${dispatchId}` },
        );
        await ifReadable(lost);
      }
      if (rows.length > 0) log.info('attempts from before the restore were given up', { attempts: rows.length });
      if (rows.length < PAGE) return;
      after = rows.at(-1)!.dispatchId;
    }
  }
}
