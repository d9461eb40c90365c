// Tries runs again that another version set aside: all at the start, afterwards those of versions before this one, so that a newer
// replica takes up what an older one beside it cannot read.
import type { Clock } from '../../../base/clock.ts';
import { every } from '../../../base/every.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import { EVENT_VERSION } from '../../store/event-version.ts';
import type { SetAside } from '../../store/set-aside.ts';

export interface RetrySetAsideParts {
  readonly setAside: Pick<SetAside, 'open'>;
  readonly runs: Pick<Orchestrator, 'retry'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Runs that are tried in one round. */
const MOST = 1_000;
const EVERY_MS = 60_000;

/** Begins; returns how to stop. */
export function retrySetAside(parts: RetrySetAsideParts): () => void {
  const failed = (error: unknown) =>
    parts.log.warn('runs that were set aside could not be tried again', { why: String(error) });
  round(parts, EVENT_VERSION + 1).catch(failed);
  return every(parts.clock, EVERY_MS, () => round(parts, EVENT_VERSION), failed);
}

async function round({ setAside, runs, log }: RetrySetAsideParts, before: number): Promise<void> {
  for (const { tenant, run } of await setAside.open(before, MOST)) {
    try {
      await runs.retry(tenant, run);
      log.info('a run that was set aside can be read again and goes on', { tenant, run });
    } catch (error) {
      log.debug('a run stays set aside', { tenant, run, why: String(error) });
    }
  }
}
