// The resident memory of a process, as the system sees it.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Megabytes. */
export function residentMb(pid: number): number {
  try {
    const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    if (kb !== undefined) return Number(kb) / 1024;
  } catch {
    // No /proc here.
  }
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
}

/** The most it had while `task` ran, looked at twenty times a second. */
export async function peakDuring<T>(pid: number, task: () => Promise<T>): Promise<{ peak: number; result: T }> {
  let peak = residentMb(pid);
  const timer = setInterval(() => {
    try {
      peak = Math.max(peak, residentMb(pid));
    } catch {
      // It has gone: the look at the end says so, to whoever waits.
      clearInterval(timer);
    }
  }, 50);
  try {
    const result = await task();
    return { peak: Math.max(peak, residentMb(pid)), result };
  } finally {
    clearInterval(timer);
  }
}
