// Finds the file that a command's first word means, on a fixed path: the caller's environment has no say.
import { constants } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { AppError } from '../../../base/errors.ts';

/** Where programs are looked for. */
export const PROGRAM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A file that can be run. */
export interface Program {
  readonly path: string;
  /** The same, all links followed. */
  readonly realPath: string;
}

/** @throws COMMAND_FAILED_TO_START */
export async function findProgram(word: string): Promise<Program> {
  const candidates = isAbsolute(word)
    ? [word]
    : word.includes('/')
      ? []
      : PROGRAM_PATH.split(':').map((dir) => join(dir, word));
  for (const path of candidates) {
    try {
      await access(path, constants.X_OK);
      return { path, realPath: await realpath(path) };
    } catch {
      // The next folder may have it.
    }
  }
  throw new AppError('COMMAND_FAILED_TO_START');
}
