// `egress ls` reads from the index, the journal and the archive as if they were one list.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import { silentLogger } from '../../base/logger.ts';
import { type EdgeJournal, openEdgeJournal } from '../journal/edge-journal.ts';
import type { LedgerLine, LedgerPlace } from '../journal/ledger-lines.ts';
import { openIndex } from './open-index.ts';
import { loadSqlJs } from './sql-js.ts';
import type { SqliteIndex } from './sqlite-index.ts';
import { type WholeLedger, wholeLedger } from './whole-ledger.ts';

const clock = new ManualClock();
const sql = await loadSqlJs(readFileSync(createRequire(import.meta.url).resolve('sql.js/dist/sql-wasm.wasm')));

const journalOn = (fs: MemoryFs): Promise<EdgeJournal> =>
  openEdgeJournal('/j', { clock, log: silentLogger, onFatal: () => {}, fs, segmentBytes: 8000, stepBytes: 1024 });
const indexOn = (fs: MemoryFs, journal: EdgeJournal): Promise<SqliteIndex> =>
  openIndex({ sql, path: '/home/state.db', journal, clock, log: silentLogger, fs, maxBytes: 192 << 10 });
const whole = (index: SqliteIndex, journal: EdgeJournal) =>
  wholeLedger({ query: async (read) => read(index) }, journal);

async function all(of: WholeLedger, limit: number, run?: string): Promise<LedgerLine[]> {
  const found: LedgerLine[] = [];
  let before: LedgerPlace | undefined;
  for (;;) {
    const page = await of.ledger({ limit, ...(run !== undefined && { run }), ...(before && { before }) });
    found.push(...page);
    before = page.at(-1);
    if (page.length < limit || !before) return found;
  }
}

test('pages go from the index to the journal to the archive without a seam, also of one run, also after a restart', async () => {
  const fs = new MemoryFs();
  let journal = await journalOn(fs);
  let index = await indexOn(fs, journal);
  let n = 0;
  const more = async (records: number) => {
    for (let i = 0; i < records; i++) {
      const run = `run-${Math.floor(n / 100)}`;
      const lines = Array.from({ length: 4 }, () => ({
        path: `docs/${n % 50}.md`,
        field: 'text',
        bytes: BigInt(++n),
        run,
        job: `${run}/0`,
      }));
      await journal.append([{ case: 'ledger', value: { entries: lines } }]);
    }
  };
  const check = async () => {
    const ledger = whole(index, journal);
    const lines = await all(ledger, 333);
    expect(lines.map(({ egress }) => Number(egress.bytes))).toEqual(Array.from({ length: n }, (_, i) => n - i));
    expect(lines.every(({ egress }) => egress.createTime !== undefined)).toBe(true);
    const some = await all(ledger, 40, 'run-2');
    expect(some).toEqual(lines.filter(({ egress }) => egress.run === 'run-2'));
    expect(some).toHaveLength(100);
  };
  await more(400);
  await check();
  await journal.prune(30_000);
  await more(1200);
  await journal.prune(160_000);
  await check();
  // All three have a part of it.
  expect(index.ledgerFrom).toBeGreaterThan(journal.firstSequence);
  expect(journal.firstSequence).toBeGreaterThan(1);
  await index.snapshot();
  const copy = fs.kill();
  journal = await journalOn(copy);
  index = await indexOn(copy, journal);
  await check();
  await copy.unlink('/home/state.db');
  index = await indexOn(copy, journal);
  expect(index.ledgerFrom).toBeGreaterThanOrEqual(journal.firstSequence);
  await check();
});
