// Keeps the note of this worker in its home true: written when its connection changes, gone when it ends.
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { dropWorkerNote, type WorkerNote, writeWorkerNote } from '../../base/worker-notes.ts';

const EVERY_MS = 1_000;

/** Begins at once; returns how to stop. */
export function keepNote(
  folder: string,
  note: () => WorkerNote,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): () => void {
  let stopped = false;
  let cancel = () => {};
  let told = '';
  const look = () => {
    const now = note();
    const text = JSON.stringify(now);
    try {
      if (text !== told) writeWorkerNote(folder, now);
      told = text;
    } catch (error) {
      log.warn('the note of this worker could not be written', { folder, why: String(error) });
    }
    if (!stopped) cancel = clock.after(EVERY_MS, look);
  };
  look();
  return () => {
    stopped = true;
    cancel();
    dropWorkerNote(folder);
  };
}
