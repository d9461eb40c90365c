// Tells a container runtime that this worker is connected: a file that is touched while a session of each capability stands, and
// gone while one does not. A stuck event loop touches nothing, so a stale file says the same as none. In it stand the figures of the event loop.
import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { LoopFigures } from '../../base/loop-watch.ts';

/** How often it is touched. */
const EVERY_MS = 2_000;

/** Begins at once; returns how to stop, which removes the file. */
export function keepHealthFile(
  path: string,
  connected: () => boolean,
  { clock, log, turns }: { clock: Clock; log: Logger; turns: () => LoopFigures },
): () => void {
  let stopped = false;
  let cancel = () => {};
  const look = () => {
    try {
      if (connected()) touch(path, clock.now(), turns());
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

/** What stands in it is the same in each write but for its figures, and small enough to be written at once. */
function touch(path: string, now: number, turns: LoopFigures): void {
  writeFileSync(path, `${JSON.stringify({ turns })}\n`, { mode: 0o644 });
  utimesSync(path, now / 1000, now / 1000);
}
