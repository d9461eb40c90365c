// Checks the journal of a home whose edge does not run, for `bowline journal verify`. It changes nothing.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../base/errors.ts';
import { homePaths } from '../base/home.ts';
import type { JournalCheck } from '../cli/verbs/journal.ts';
import { readIdentity } from '../edge/identity/identity.ts';
import { journalIdIn, otherJournal } from '../edge/journal/known-journal.ts';
import { ARCHIVE_FOLDER } from '../edge/journal/ledger-archive.ts';
import { nodeFs } from '../edge/journal/node-fs.ts';
import type { TornEnd } from '../edge/journal/scan-journal.ts';
import { isAsideName } from '../edge/journal/segment-format.ts';
import { verifyFolder } from '../edge/journal/verify-ledger.ts';

/** Undefined when there is no journal, and none is known. Throws JOURNAL_NEWER. */
export async function verifyOffline(home: string): Promise<JournalCheck | undefined> {
  const { journal: folder, device } = homePaths(home);
  const known = await knownJournal(device);
  if (!existsSync(folder)) return known === undefined ? undefined : missing(known, undefined);
  const { ok, records, segments, firstBad, ledger, cut, archiveCut } = await verifyFolder(nodeFs, folder);
  const found = ok ? await journalIdIn(nodeFs, folder) : undefined;
  if (ok && otherJournal(known, found) !== undefined) return { ...missing(known, found), records, segments };
  const problem = firstBad ? `${firstBad.file} at ${firstBad.offset}: ${firstBad.problem}` : '';
  return {
    ok,
    records,
    segments,
    problem,
    notes: [cut, archiveCut].flatMap((end) => (end ? [cutText(end)] : [])),
    ...(found && { journalId: found }),
    ...(ledger && { ledger }),
  };
}

const cutText = ({ file, offset, bytes }: TornEnd): string =>
  `${file} ends at ${offset} in a write of which bytes are missing (${bytes} are there); the next start removes it`;

/** Damaged ends that starts took out of the journal and its archive, as paths. */
export async function keptAside(home: string): Promise<readonly string[]> {
  const { journal } = homePaths(home);
  const folders = [journal, join(journal, ARCHIVE_FOLDER)].filter((folder) => existsSync(folder));
  const names = await Promise.all(folders.map((folder) => nodeFs.list(folder)));
  return folders.flatMap((folder, n) => (names[n] ?? []).filter(isAsideName).map((name) => join(folder, name)));
}

function missing(known: string | undefined, found: string | undefined): JournalCheck {
  const problem = `the device file names the journal ${known}, and ${otherJournal(known, found)}`;
  return { ok: false, records: 0, segments: 0, problem };
}

/** What the device file says. One that cannot be read says nothing: the journal itself can be judged all the same. */
async function knownJournal(file: string): Promise<string | undefined> {
  try {
    return (await readIdentity(file))?.journal;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
