// The ledger from its newest line to its first: from the index as far back as that goes, then from the journal and its archive.
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { LedgerLine, LedgerPage, LedgerPlace } from '../journal/ledger-lines.ts';
import type { OnDemandIndex } from './on-demand-index.ts';

export interface WholeLedger {
  ledger(page: LedgerPage): Promise<LedgerLine[]>;
}

export function wholeLedger(index: Pick<OnDemandIndex, 'query'>, journal: Pick<EdgeJournal, 'ledger'>): WholeLedger {
  return {
    async ledger(page) {
      const { limit, run, before } = page;
      const { lines, from, began } = await index.query((known) => ({
        lines: known.ledger(page),
        from: known.ledgerFrom,
        began: run === undefined ? undefined : known.run(run)?.sequence,
      }));
      // A run that the owner asked for has no line before its ask.
      if (lines.length >= limit || from <= 1 || (began !== undefined && began >= from)) return lines;
      const place = lowest({ sequence: from, line: 0 }, before);
      const older = await journal.ledger({
        limit: limit - lines.length,
        ...(run !== undefined && { run }),
        before: place,
      });
      return [...lines, ...older];
    },
  };
}

const lowest = (a: LedgerPlace, b: LedgerPlace | undefined): LedgerPlace => (b && b.sequence < a.sequence ? b : a);
