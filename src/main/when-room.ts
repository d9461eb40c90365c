// Writes what a program needs to go on, and waits where the disk is full: it comes back by itself once there is room.
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../base/errors.ts';

const EVERY_MS = 1_000;

export interface RoomWait {
  /** Told once when it waits. */
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
  readonly everyMs?: number;
}

/** Throws what `write` throws, but DISK_FULL only once the signal is aborted. */
export async function whenRoom(write: () => void, { progress, signal, everyMs = EVERY_MS }: RoomWait): Promise<void> {
  for (let told = false; ; told = true) {
    try {
      return write();
    } catch (error) {
      if (!(error instanceof AppError && error.reason === 'DISK_FULL') || signal?.aborted) throw error;
      if (!told) progress(`waiting: ${error.message}`);
      await delay(everyMs, undefined, { signal }).catch(() => {});
    }
  }
}
