// Whether the folder of an embedded database may be opened. The engine would make a new database over one that lacks its first file, so that
// is told before it is asked.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../errors.ts';

/** Call before the engine. Throws DATABASE_UNUSABLE where a database was and is no longer whole: none is ever there half made. */
export function mustBeWhole(dir: string, data: string, holds: string): void {
  const empty = !existsSync(data) || readdirSync(data).length === 0;
  if (!empty && versionOf(data) === '') throw damaged(dir, 'PG_VERSION is missing or empty', holds);
}

/** A database that was whole once cannot be opened: what is lost, and what helps. */
export function damaged(dir: string, problem: string, holds: string, cause?: unknown): AppError {
  const why = problem.startsWith('Aborted()') ? 'its engine gave up' : problem;
  const remedy = `restore ${dir} from a backup of the home. Without one move it away and start again; ${holds} are lost then`;
  return new AppError(
    'DATABASE_UNUSABLE',
    { problem: `what lies in ${dir} cannot be opened (${why}). If it is damaged, ${remedy}` },
    { cause },
  );
}

function versionOf(data: string): string {
  try {
    return readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  } catch {
    return '';
  }
}
