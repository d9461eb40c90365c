// Keeps the note of this worker in its home true: written when its connection changes, gone when it ends.
import type { Clock } from '../../base/clock.ts';
import { every } from '../../base/every.ts';
import type { Logger } from '../../base/logger.ts';
import { dropWorkerNote, type WorkerNote, writeWorkerNote } from '../../base/worker-notes.ts';

const EVERY_MS = 1_000;

export interface KeptNote {
  /** Writes what has changed, at once. */
  readonly look: () => void;
  readonly stop: () => void;
}

/** Begins at once. */
export function keepNote(
  folder: string,
  note: () => WorkerNote,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): KeptNote {
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
  };
  look();
  const stop = every(
    clock,
    EVERY_MS,
    async () => look(),
    () => {},
  );
  return {
    look,
    stop: () => {
      stop();
      dropWorkerNote(folder);
    },
  };
}
