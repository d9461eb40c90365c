// Checks the journal of a home whose edge does not run, for `bowline journal verify`. It changes nothing.
import { existsSync } from 'node:fs';
import type { JournalCheck } from '../cli/verbs/journal.ts';
import { nodeFs } from '../edge/journal/node-fs.ts';
import { verifyFolder } from '../edge/journal/verify-ledger.ts';

/** Undefined when there is no journal. Throws JOURNAL_NEWER. */
export async function verifyOffline(folder: string): Promise<JournalCheck | undefined> {
  if (!existsSync(folder)) return undefined;
  const { ok, records, segments, firstBad, ledger } = await verifyFolder(nodeFs, folder);
  const problem = firstBad ? `${firstBad.file} at ${firstBad.offset}: ${firstBad.problem}` : '';
  return { ok, records, segments, problem, ...(ledger && { ledger }) };
}
