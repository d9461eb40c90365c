// How a long-running program is asked to stop.
import { endNow, endWithin } from './end-process.ts';
import { EXIT } from './status-codes.ts';

/** What the end may take beyond the time for work that runs. */
const SPARE_MS = 10_000;

/**
 * Resolves with the name of the first signal that asks the program to stop. A second one ends it at once; so does a stop that
 * takes longer than `drainMs` and some seconds.
 */
export function stopSignal(drainMs: number): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (asked) endNow(EXIT.failed);
        asked = true;
        endWithin(drainMs + SPARE_MS, EXIT.failed);
        resolve(name);
      });
    }
  });
}
