// Before a secret is printed: a shell makes the file of `> FILE` readable to everybody, and what holds a secret is for its owner alone.
import { fchmodSync, fstatSync } from 'node:fs';
import type { CliIo } from './io.ts';

const STDOUT = 1;

/** Where standard output is a file that others may read, it is one of its owner from now on. */
export function ownersOutput(io: Pick<CliIo, 'stdout'>): void {
  if (io.stdout !== process.stdout) return;
  try {
    const stat = fstatSync(STDOUT);
    if (stat.isFile() && (stat.mode & 0o077) !== 0) fchmodSync(STDOUT, 0o600);
  } catch {
    // A file of another user, who alone can close it.
  }
}
