// Whether the folder of an embedded database may be opened: whole, or not made to its end yet. The engine would make a new database over one
// that lacks its first file, so that is told before it is asked.
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../errors.ts';

/** There from before a database is made until it was ready once. */
const noteOf = (dir: string): string => join(dir, 'being-made');

/** Call before the engine. Throws DATABASE_UNUSABLE where a database was and is no longer whole. */
export function mustBeWhole(dir: string, data: string, holds: string): void {
  if (!existsSync(data) || readdirSync(data).length === 0) writeFileSync(noteOf(dir), '', { mode: 0o600 });
  else if (!existsSync(noteOf(dir)) && versionOf(data) === '')
    throw damaged(dir, 'PG_VERSION is missing or empty', holds);
}

/** Call when the engine is ready: from now on what is there is never made anew. */
export function isMade(dir: string): void {
  if (!existsSync(noteOf(dir))) return;
  rmSync(noteOf(dir), { force: true });
  const folder = openSync(dir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
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
