// Whether the machine is to be taken back: whoever hears that from its provider makes a file, whatever it holds. Looked at now and then, because
// a watch on a mounted folder does not see what is made from outside.
import { existsSync } from 'node:fs';
import { type Clock, sleep } from '../../base/clock.ts';

/** The shortest notices are 25 s. */
const EVERY_MS = 500;

/** Resolves when the file is there, also when it was before; never without a file, nor after `signal`. */
export async function noticed(path: string | undefined, clock: Clock, signal: AbortSignal): Promise<'notice'> {
  while (path === undefined || !existsSync(path)) {
    if (path === undefined || signal.aborted) return new Promise(() => {});
    await sleep(clock, EVERY_MS, signal);
  }
  return 'notice';
}
