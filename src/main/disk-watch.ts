// Looks now and then whether the disk of the embedded database has room, and says so when that changes: the database itself
// only stops answering. It frees nothing.
import { statfs } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { LEAST_DISK_BYTES } from '../base/disk-room.ts';

const EVERY_MS = 5_000;

export interface DiskWatchOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Told in words when room is short, with the bytes that are left, and when there is room again. */
  readonly say: (what: string, shortOf: number | undefined) => void;
  /** Free bytes of the disk of a folder. */
  readonly free?: (folder: string) => Promise<number>;
}

/** Starts watching; returns how to stop. */
export function watchDisk({ folder, clock, say, free = freeBytes }: DiskWatchOptions): () => void {
  let short = false;
  let stopped = false;
  let stop = () => {};
  const look = async () => {
    const left = await free(folder).catch(() => Number.POSITIVE_INFINITY);
    if (stopped) return;
    if (left < LEAST_DISK_BYTES !== short) {
      short = !short;
      const room = `${Math.floor(left / (1 << 20))} MB`;
      if (short)
        say(`the disk of ${folder} is full (${room} left): runs wait until there is room; free some space`, left);
      else say(`the disk of ${folder} has room again (${room})`, undefined);
    }
    stop = clock.after(EVERY_MS, () => void look());
  };
  void look();
  return () => {
    stopped = true;
    stop();
  };
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
