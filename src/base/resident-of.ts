// The resident memory of another process, as the kernel tells it.
import { readFileSync } from 'node:fs';

/** Bytes; 0 where the system does not tell, or the process is gone. */
export function residentOf(pid: number): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
