// Tells a container runtime that this worker is connected: a file that is touched while a session of each capability stands, and
// gone while one does not. A stuck event loop touches nothing, so a stale file says the same as none.
import { closeSync, openSync, rmSync, utimesSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';

/** How often it is touched. */
const EVERY_MS = 2_000;

/** Begins at once; returns how to stop, which removes the file. */
export function keepHealthFile(
  path: string,
  connected: () => boolean,
  { clock, log }: { clock: Clock; log: Logger },
): () => void {
  let stopped = false;
  let cancel = () => {};
  const look = () => {
    try {
      if (connected()) touch(path, clock.now());
      else rmSync(path, { force: true });
    } catch (error) {
      log.warn('the health file could not be written', { path, why: String(error) });
    }
    if (!stopped) cancel = clock.after(EVERY_MS, look);
  };
  look();
  return () => {
    stopped = true;
    cancel();
    rmSync(path, { force: true });
  };
}

function touch(path: string, now: number): void {
  closeSync(openSync(path, 'a', 0o644));
  utimesSync(path, now / 1000, now / 1000);
}
