// The edge refuses a path that is not there as it refuses any other, so that nobody learns what a box has. Its owner types on the same
// machine: here it is looked whether the path is there at all.
import { lstatSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { systemCodeOf } from '../base/cause-text.ts';
import { AppError } from '../base/errors.ts';
import { splitGlob } from '../base/glob.ts';
import { toAppError } from '../contract/errors.ts';
import { type Caller, parseShare } from './shares.ts';

const REFUSED: ReadonlySet<string> = new Set(['PATH_NOT_ALLOWED', 'SHARE_NO_MATCH']);

/** The error with the first of the paths that is not there; any other as it is. @param typed as `--share` takes them */
export function namingMissing(error: unknown, typed: readonly string[], caller: Caller): unknown {
  if (!REFUSED.has(toAppError(error).reason)) return error;
  const missing = typed.map((value) => parseShare(value, caller).pattern).find(isMissing);
  if (missing === undefined) return error;
  const why = 'there is no such file or folder on this machine';
  return new AppError('SHARE_NO_MATCH', { pattern: missing, why }, { cause: error });
}

function isMissing(pattern: string): boolean {
  if (!isAbsolute(pattern) || splitGlob(pattern).glob !== '') return false;
  try {
    lstatSync(pattern);
    return false;
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error));
  }
}
