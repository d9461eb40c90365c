// What has a name, looked at without opening it. Nothing holds its inode meanwhile: it may go, and a file of the home take the inode. So
// what would be denied is looked at once more.
import type { BigIntStats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { AppError } from '../../base/errors.ts';
import { inodeKey } from './home-inodes.ts';
import { refused } from './judge-path.ts';
import type { Denials } from './open-beneath.ts';

const LOOKS = 4;

/** Undefined when nothing is there. @throws PATH_NOT_ALLOWED; FILE_CHANGED; what the system says */
export async function lookByName(path: string, denials: Pick<Denials, 'identity'>): Promise<BigIntStats | undefined> {
  let denied = '';
  for (let look = 0; look < LOOKS; look++) {
    const stat = await lstat(path, { bigint: true }).catch(absent);
    if (!stat) return undefined;
    if (inodeKey(stat) === denied) throw refused();
    if (!(await denials.identity(stat))) return stat;
    denied = inodeKey(stat);
  }
  throw new AppError('FILE_CHANGED');
}

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
