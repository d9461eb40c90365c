// A refused path in the words of its owner, who typed it: which path, which folders are allowed, and what to do. Only for what the owner
// reads on the box; what leaves it is the same refusal for every path.
import { isAbsolute, normalize } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { splitGlob } from '../../base/glob.ts';
import { contains, type Root } from '../config/config-places.ts';
import { isReadableName } from './judge-path.ts';

/** Folders that are named. */
const NAMED = 5;

/** @param typed as the owner wrote it; any other error, and a name that cannot be told, stays as it is */
export function refusedPath(error: unknown, typed: string, roots: readonly Root[]): unknown {
  if (!(error instanceof AppError) || error.reason !== 'PATH_NOT_ALLOWED' || !isReadableName(typed)) return error;
  const message = `"${typed}" ${isBelow(typed, roots) ? INSIDE : outside(roots)}`;
  return new AppError('PATH_NOT_ALLOWED', {}, { cause: error, message });
}

const INSIDE =
  'is below an allowed folder and not allowed all the same: a name that begins with a dot must stand under allow.hidden in config.yaml; secret files, and links out of a folder, are never shared';

function outside(roots: readonly Root[]): string {
  const named = roots.slice(0, NAMED).map(({ path }) => path);
  if (roots.length > NAMED) named.push(`${roots.length - NAMED} more`);
  const allowed = named.length === 0 ? 'none is' : named.join(', ');
  return `is in no allowed folder (allowed: ${allowed}). Name its folder with --allow, or under allow.read in config.yaml, when the edge is started`;
}

/** A relative path begins with the name of a root. */
function isBelow(typed: string, roots: readonly Root[]): boolean {
  if (!isAbsolute(typed)) return true;
  const folder = normalize(splitGlob(typed).folder || typed);
  return roots.some(({ path, realPath }) => contains(path, folder) || contains(realPath, folder));
}
