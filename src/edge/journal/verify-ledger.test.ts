// The check of a folder while an edge that starts writes to it.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import { silentLogger } from '../../base/logger.ts';
import type { FsPort } from './fs-port.ts';
import { openJournal } from './open-journal.ts';
import { encodeRecord } from './records.ts';
import { verifyFolder } from './verify-ledger.ts';

const DIR = '/j';

/** A disk whose segments look damaged at these bytes for the first looks, as while they are written. */
function written(fs: MemoryFs, damage: readonly (number | undefined)[]) {
  const seen = { looks: 0 };
  const port: Pick<FsPort, 'list' | 'open'> = {
    list: (dir) => fs.list(dir),
    open: async (path, mode) => {
      const file = await fs.open(path, mode);
      const at = damage[seen.looks++];
      return {
        ...file,
        size: () => file.size(),
        close: () => file.close(),
        read: async (into, position) => {
          const bytes = await file.read(into, position);
          const place = (at ?? -1) - position;
          if (place >= 0 && place < bytes) into[place]! ^= 1;
          return bytes;
        },
      };
    },
  };
  return { port: port as FsPort, seen };
}

test('what another look does not find again was being written; what it finds again is damage', async () => {
  const fs = new MemoryFs();
  const journal = await openJournal(DIR, { clock: new ManualClock(), log: silentLogger, onFatal: () => {}, fs });
  for (const run of ['一', '二', '三'])
    await journal.append([encodeRecord({ case: 'runAnswered', value: { run } }, 0).bytes]);
  const [path = ''] = fs.paths();
  const [first, second] = ['一', '二'].map((run) => fs.bytes(path).indexOf(run));
  const look = async (...damage: (number | undefined)[]) => {
    const { port, seen } = written(fs, damage);
    const { ok, records } = await verifyFolder(port, DIR);
    return [ok, records, seen.looks];
  };
  expect(path).toBe(join(DIR, '0000000000000001.seg'));
  expect(await look()).toEqual([true, 3, 1]);
  expect(await look(second)).toEqual([true, 3, 2]);
  expect(await look(first, second)).toEqual([true, 3, 3]);
  expect(await look(second, second, second)).toEqual([false, 1, 2]);
  await journal.close();
});
