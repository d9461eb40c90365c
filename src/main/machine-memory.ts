// The memory of this machine, and what everything on one machine needs.
import { totalmem } from 'node:os';

/** What control plane, database and worker need together, in MB. */
export const NEEDED_MB = 2_000;

/** What there is for this process, also inside of a limit of its group. */
export function memoryMb(): number {
  const limit = process.constrainedMemory();
  return Math.floor(Math.min(totalmem(), limit > 0 ? limit : Number.POSITIVE_INFINITY) / 1e6);
}
