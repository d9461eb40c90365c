// Stops the work when the database was replaced by an older state of itself under this replica.
import type { Clock } from '../../base/clock.ts';
import { every } from '../../base/every.ts';
import type { Logger } from '../../base/logger.ts';
import type { HistoryCounter, HistoryGap } from '../store/history-counter.ts';
import type { RestoreGuard } from './restore-guard.ts';

/** How late it is noticed. */
const BEAT_MS = 1_000;

export interface WatchHistoryParts {
  readonly counter: Pick<HistoryCounter, 'raise'>;
  readonly restored: Pick<RestoreGuard, 'reportAll'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Returns how to stop. */
export function watchHistory({ counter, restored, clock, log }: WatchHistoryParts): () => void {
  // Until it is written down.
  let gap: HistoryGap | undefined;
  const look = async () => {
    gap ??= await counter.raise();
    if (gap) await restored.reportAll(gap);
    gap = undefined;
  };
  return every(clock, BEAT_MS, look, (error) =>
    log.debug('the history of the database could not be looked at', { why: String(error) }),
  );
}
