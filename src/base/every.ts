// Something that is looked at again and again: so long after each look has ended, never two at once.
import type { Clock } from './clock.ts';

/**
 * Looks for the first time after `ms`, and again `ms` after each look has ended, however it ended; `failed` hears of errors.
 * Returns how to stop: a look under way goes on, none begins after it.
 */
export function every(
  clock: Clock,
  ms: number,
  look: () => Promise<void>,
  failed: (error: unknown) => void,
): () => void {
  let cancel = () => {};
  let stopped = false;
  const next = () => {
    cancel = clock.after(ms, () => {
      look()
        .catch(failed)
        .finally(() => {
          if (!stopped) next();
        });
    });
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}
