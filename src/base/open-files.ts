// How many files this process may have open: what fails for want of them says so only here and there.
import { readFileSync } from 'node:fs';

/** Fewer are not enough for a program with its database, its connections and its children. */
const ENOUGH = 512;

/** The remedy where the limit of open files is too low to work with; undefined where it is not the reason. */
export function tooFewFiles(limits = readLimits()): string | undefined {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
  if (soft === undefined || Number(soft) >= ENOUGH) return undefined;
  return `raise the number of files that this process may open, which is ${soft} (\`ulimit -n 4096\`, or LimitNOFILE of its service)`;
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // Another system, or no descriptor left for it; the first says nothing, the second fails elsewhere by its name.
    return '';
  }
}
