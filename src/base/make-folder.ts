// Makes a folder and those above it, for the folders that a user names.
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Like `mkdir -p`, with mode 0700 for what is new. Throws the system's error. Node's own recursive mkdir never ends where a
 * file system answers ENOENT for a folder that is there (/proc, a dead automount).
 */
export function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const made = statSync(path, { throwIfNoEntry: false })?.isDirectory();
    if (!made) throw error;
  }
}
