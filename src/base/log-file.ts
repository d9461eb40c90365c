// A bounded log file: rotates by size and keeps a fixed number of old ones, so that logging never fills a disk.
import { appendFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LogSink } from './logger.ts';
import { makeFolder } from './make-folder.ts';

/** The file at `path`, or the standard error. */
export const logSink = (path: string, to: 'file' | 'stderr'): LogSink =>
  to === 'file' ? logFile(path) : { write: (line) => void process.stderr.write(line) };

/** Appends lines to `path` (mode 0600); at `maxBytes` it becomes `path.1`, and so on up to `keep`. A full disk drops lines. */
export function logFile(path: string, options: { maxBytes?: number; keep?: number } = {}): LogSink {
  const maxBytes = options.maxBytes ?? 8 << 20;
  const keep = options.keep ?? 3;
  makeFolder(dirname(path));
  let size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const rotate = () => {
    for (let n = keep - 1; n >= 1; n--) {
      const from = n === 1 ? path : `${path}.${n - 1}`;
      if (statSync(from, { throwIfNoEntry: false })) renameSync(from, `${path}.${n}`);
    }
    size = 0;
  };
  return {
    write(line) {
      try {
        if (size + line.length > maxBytes) rotate();
        appendFileSync(path, line, { mode: 0o600 });
        size += line.length;
      } catch {
        // Logging must never stop the program; a line that cannot be written is dropped.
      }
    },
  };
}
