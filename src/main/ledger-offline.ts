// Reads the ledger of a home whose edge does not run, for `bowline egress`: from the journal and from the archive of what was pruned.
// It changes nothing.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { homePaths } from '../base/home.ts';
import type { OfflineLedger } from '../cli/read-ledger.ts';
import { EgressGrounds, type GroundsWish } from '../edge/journal/egress-grounds.ts';
import { ARCHIVE_FOLDER, decodeArchived, hasArchive } from '../edge/journal/ledger-archive.ts';
import { egressOf, type LedgerLine, placed } from '../edge/journal/ledger-lines.ts';
import { nodeFs } from '../edge/journal/node-fs.ts';
import { decodeRecord } from '../edge/journal/records.ts';
import { verifyJournal } from '../edge/journal/verify-journal.ts';

/** Undefined where there is no journal. */
export const ledgerOffline: OfflineLedger = async (home) => {
  const { journal: folder } = homePaths(home);
  if (!existsSync(folder)) return undefined;
  const lines: LedgerLine[] = [];
  let through = 0;
  const problems: string[] = [];
  const damaged = (found: { firstBad?: { file: string; problem: string } | undefined }, where: string) => {
    if (found.firstBad) problems.push(`${where}${found.firstBad.file}: ${found.firstBad.problem}`);
  };
  if (await hasArchive(nodeFs, folder)) {
    const archive = await verifyJournal(nodeFs, join(folder, ARCHIVE_FOLDER), {
      onRecord: ({ sequence, bytes }) => {
        const stretch = decodeArchived(sequence, Uint8Array.from(bytes));
        through = Number(stretch.lastSequence);
        for (const { sequence, writeTime, entries } of stretch.records)
          lines.push(...placed(Number(sequence), writeTime ? timestampMs(writeTime) : 0, entries));
      },
    });
    damaged(archive, `${ARCHIVE_FOLDER}/`);
  }
  const journal = await verifyJournal(nodeFs, folder, {
    onRecord: ({ sequence, bytes }) => {
      if (sequence <= through) return;
      const { at, record } = decodeRecord(sequence, Uint8Array.from(bytes));
      lines.push(...placed(sequence, at, egressOf(record)));
    },
  });
  damaged(journal, '');
  const grounds = async (wish: GroundsWish) => {
    const found = new EgressGrounds(wish);
    await verifyJournal(nodeFs, folder, {
      onRecord: ({ sequence, bytes }) => found.see(decodeRecord(sequence, Uint8Array.from(bytes)).record),
    });
    return found.told;
  };
  return { entries: lines.reverse().map(({ egress }) => egress), problems, grounds };
};
