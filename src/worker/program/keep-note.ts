// Keeps the note of this worker in its home true: written when its connection changes, gone when it ends.
import type { Clock } from '../../base/clock.ts';
import { every } from '../../base/every.ts';
import type { Logger } from '../../base/logger.ts';
import { dropWorkerNote, type WorkerNote, writeWorkerNote } from '../../base/worker-notes.ts';

const EVERY_MS = 1_000;

/** Begins at once; returns how to stop. */
export function keepNote(
  folder: string,
  note: () => WorkerNote,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): () => void {
  let told = '';
  const look = async () => {
    const now = note();
    const text = JSON.stringify(now);
    if (text !== told) writeWorkerNote(folder, now);
    told = text;
  };
  const failed = (error: unknown) =>
    log.warn('the note of this worker could not be written', { folder, why: String(error) });
  look().catch(failed);
  const stop = every(clock, EVERY_MS, look, failed);
  return () => {
    stop();
    dropWorkerNote(folder);
  };
}
