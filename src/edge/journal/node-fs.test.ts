// What stands in the folder of a journal under the name of a segment and is none: the start ends with a clear error, and at once.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { openEdgeJournal } from './edge-journal.ts';
import { segmentName } from './segment-format.ts';

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'bowline-test-journal-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

const open = (dir: string) =>
  openEdgeJournal(dir, { clock: new ManualClock(), log: silentLogger, onFatal: () => {} }).then((journal) =>
    journal.close(),
  );

test.each([
  ['a folder', (path: string) => mkdirSync(path), 'JOURNAL_UNREADABLE'],
  ['a pipe', (path: string) => void execFileSync('mkfifo', [path]), 'JOURNAL_UNREADABLE'],
  ['an empty file', (path: string) => writeFileSync(path, ''), 'JOURNAL_DAMAGED'],
  [
    'a file of a terabyte',
    (path: string) => {
      writeFileSync(path, '');
      truncateSync(path, 2 ** 40);
    },
    'JOURNAL_DAMAGED',
  ],
])('%s with the name of a segment, in the journal or its archive', async (_what, make, reason) => {
  for (const below of ['', 'ledger']) {
    const dir = folder();
    await open(dir);
    mkdirSync(join(dir, below), { recursive: true });
    make(join(dir, below, segmentName(77)));
    await expect(open(dir)).rejects.toMatchObject({ reason });
  }
});

test('other files and folders are left alone', async () => {
  const dir = folder();
  writeFileSync(join(dir, 'notes.txt'), 'mine');
  mkdirSync(join(dir, '0000000000000001'));
  await open(dir);
  await open(dir);
});
