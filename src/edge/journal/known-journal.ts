// Whether the journal that lies in a folder is the one that this box began. It changes nothing.

import { join } from 'node:path';
import { stringify } from 'uuid';
import { causeText } from '../../base/cause-text.ts';
import { AppError } from '../../base/errors.ts';
import { systemCode } from '../../base/system-code.ts';
import type { FsPort } from './fs-port.ts';
import { readSegmentHeader } from './scan-journal.ts';
import { isSegmentName } from './segment-format.ts';

/** Id of the journal in `dir`; undefined when there is none. @throws JOURNAL_DAMAGED, JOURNAL_NEWER */
export async function journalIdIn(fs: FsPort, dir: string): Promise<string | undefined> {
  const [name] = (await list(fs, dir)).filter(isSegmentName).sort();
  if (name === undefined) return undefined;
  const file = await fs.open(join(dir, name), 'read');
  try {
    return stringify((await readSegmentHeader(file, name)).id);
  } finally {
    await file.close();
  }
}

/** What is wrong when `known` should lie in the folder and `found` does; undefined when nothing is. */
export function otherJournal(known: string | undefined, found: string | undefined): string | undefined {
  if (known === undefined || known === found) return undefined;
  return found === undefined ? 'no segment of it is there' : `journal ${found} is there in its place`;
}

/** @throws JOURNAL_MISSING when the journal `known` should lie in `dir` and does not; JOURNAL_DAMAGED, JOURNAL_NEWER */
export async function mustHold(fs: FsPort, dir: string, known: string | undefined, home: string): Promise<void> {
  if (known === undefined) return;
  const problem = otherJournal(known, await journalIdIn(fs, dir));
  if (problem !== undefined) throw new AppError('JOURNAL_MISSING', { journal: known, folder: dir, home, problem });
}

async function list(fs: FsPort, dir: string): Promise<string[]> {
  try {
    return await fs.list(dir);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw new AppError('JOURNAL_UNREADABLE', { folder: dir, problem: causeText(error) }, { cause: error });
  }
}
