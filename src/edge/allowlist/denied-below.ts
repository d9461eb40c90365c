// Finds what is denied below a folder that a command may see, so that it can be hidden, or the command refused.
import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../base/errors.ts';

export interface DeniedPath {
  readonly path: string;
  readonly folder: boolean;
}

/** Most that can be hidden; each is a mount. */
const MOST = 512;

/**
 * The outermost denied files and folders; links are only names, and lead to what is hidden or not there: they are looked at where the names
 * count.
 * @param entries most files and folders that are looked at
 * @throws COMMAND_VIEW_TOO_LARGE; why `signal` aborted
 */
export async function deniedBelow(
  folder: string,
  denied: (path: string, isFile: boolean) => boolean | Promise<boolean>,
  entries: number,
  signal: AbortSignal,
  links: 'names' | 'skipped' = 'skipped',
): Promise<DeniedPath[]> {
  const found: DeniedPath[] = [];
  const waiting = [folder];
  let left = entries;
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    signal.throwIfAborted();
    for await (const entry of entriesOf(at)) {
      signal.throwIfAborted();
      if (--left < 0) throw new AppError('COMMAND_VIEW_TOO_LARGE');
      if (links === 'skipped' && entry.isSymbolicLink()) continue;
      const path = join(at, entry.name);
      if (!(await denied(path, !entry.isDirectory()))) {
        if (entry.isDirectory()) waiting.push(path);
      } else if (found.push({ path, folder: entry.isDirectory() }) > MOST) {
        throw new AppError('COMMAND_VIEW_TOO_LARGE');
      }
    }
  }
  return found;
}

/**
 * Of a folder that the edge may not read, or that went meanwhile, nothing: the command has no more rights. Any other failure (too many
 * open files, say) would leave denied files in sight, so the command is refused.
 */
async function* entriesOf(folder: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(folder);
  } catch (cause) {
    if (HARMLESS.has((cause as NodeJS.ErrnoException).code ?? '')) return;
    throw new AppError('FILE_UNREADABLE', {}, { cause });
  }
}

const HARMLESS: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ENOENT', 'ENOTDIR']);
