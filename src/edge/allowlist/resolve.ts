// Follows a judged path on the disk part by part, so that nothing outside its root is ever looked at.
import type { BigIntStats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { contains } from '../config.ts';
import { type JudgedPath, refused } from './judge-path.ts';

/** What a path leads to, all symbolic links followed. */
export interface Resolved {
  /** Real path, inside the root. */
  readonly realPath: string;
  /** Undefined when nothing is there. */
  readonly stat: BigIntStats | undefined;
}

/** As many links as Linux follows. */
const MAX_LINKS = 40;

/**
 * Follows symbolic links as long as they stay inside the root and away from denied places.
 * @throws PATH_NOT_ALLOWED when one leaves, whether or not its target exists; FILE_UNREADABLE
 */
export async function resolvePath(judged: JudgedPath, denied: (path: string) => boolean): Promise<Resolved> {
  const base = judged.root.realPath;
  let links = 0;
  let at = base;
  let parts = judged.relative === '' ? [] : judged.relative.split('/');
  let stat = await look(base);
  if (parts.length === 0) return { realPath: base, stat };
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    const next = join(at, part);
    if (!contains(base, next) || denied(next)) throw refused();
    stat = await look(next);
    if (!stat) {
      const rest = join(next, ...parts);
      if (!contains(base, rest) || denied(rest)) throw refused();
      return { realPath: rest, stat: undefined };
    }
    if (!stat.isSymbolicLink()) {
      at = next;
      continue;
    }
    if (++links > MAX_LINKS) throw new AppError('FILE_NOT_FOUND');
    const target = normalize(join(await readLink(next, dirname(next)), ...parts)).replace(/\/+$/, '');
    if (!contains(base, target) || denied(target)) throw refused();
    at = base;
    parts = target === base ? [] : target.slice(base === '/' ? 1 : base.length + 1).split('/');
    stat = await look(base);
  }
  return { realPath: at, stat };
}

async function look(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    return absentOrThrow(error);
  }
}

async function readLink(path: string, from: string): Promise<string> {
  try {
    const target = await readlink(path);
    return target.startsWith('/') ? target : join(from, target);
  } catch (error) {
    absentOrThrow(error);
    throw new AppError('FILE_NOT_FOUND');
  }
}

/** Undefined when nothing is there; what cannot be told is an error. */
export function absentOrThrow(error: unknown): undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return undefined;
  throw new AppError('FILE_UNREADABLE', {}, { cause: error });
}
