// The index that waits for a query.
import { expect, test, vi } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import { breath } from '../../base/breath.ts';
import { silentLogger } from '../../base/logger.ts';
import { type EdgeJournal, openEdgeJournal } from '../journal/edge-journal.ts';
import { OnDemandIndex, type OnDemandIndexOptions } from './on-demand-index.ts';
import { loadSqlJs } from './sql-js.ts';

async function parts(more: Partial<OnDemandIndexOptions> = {}) {
  const fs = new MemoryFs();
  const clock = new ManualClock();
  const log = silentLogger;
  const journal = await openEdgeJournal('/j', { clock, log, onFatal: () => {}, fs });
  const load = vi.fn(() => loadSqlJs());
  const index = new OnDemandIndex({ load, path: '/home/state.db', journal, clock, log, fs, ...more });
  journal.follow(index);
  return { journal, index, load };
}

const ask = (journal: EdgeJournal, run: string) =>
  journal.append([
    { case: 'ask', value: { requestId: `request ${run}`, ask: { run, conversation: 'c', text: 'why?' } } },
  ]);

test('nothing is loaded before the first query; its answer knows all that was journaled, before and since', async () => {
  const { journal, index, load } = await parts();
  await ask(journal, 'r1');
  expect(load).not.toHaveBeenCalled();
  const [first, again] = await Promise.all([
    index.query((known) => known.runOfRequest('request r1')?.run),
    index.query((known) => known.run('r1')?.conversation),
  ]);
  expect([first, again]).toEqual(['r1', 'c']);
  await ask(journal, 'r2');
  expect(await index.query((known) => [known.run('r1')?.sequence, known.run('r2')?.run])).toEqual([1, 'r2']);
  expect(load).toHaveBeenCalledTimes(1);
  await index.close();
});

test('it opens by itself when it would have too much to catch up with', async () => {
  const { journal, index } = await parts({ lagRecords: 3 });
  for (const run of ['r1', 'r2']) await ask(journal, run);
  expect(index.open).toBe(false);
  await ask(journal, 'r3');
  expect(index.open).toBe(true);
  await index.close();
});

test('a failure to load is told to who asked, and the next query tries again', async () => {
  const load = vi.fn(() => loadSqlJs()).mockRejectedValueOnce(new Error('no memory'));
  const { journal, index } = await parts({ load });
  await ask(journal, 'r1');
  await expect(index.query((known) => known.sequence)).rejects.toThrow('no memory');
  expect(await index.query((known) => known.run('r1')?.run)).toBe('r1');
  await index.close();
});

test('closed without a query it loads nothing and answers nothing', async () => {
  const { journal, index, load } = await parts();
  await ask(journal, 'r1');
  await index.close();
  await expect(index.query((known) => known.sequence)).rejects.toMatchObject({ reason: 'CLOSED' });
  expect(load).not.toHaveBeenCalled();
});

test('while it catches up, everything else goes on', async () => {
  const { journal, index } = await parts();
  for (let n = 0; n < 640; n++) await ask(journal, `r${n}`);
  let turns = 0;
  let done = false;
  const others = (async () => {
    while (!done) {
      await breath();
      turns += 1;
    }
  })();
  await index.query((known) => known.sequence);
  const before = turns;
  // The same again, without what is loaded once: the journal alone is read.
  const second = new OnDemandIndex({
    load: () => loadSqlJs(),
    path: '/home/other.db',
    journal,
    clock: new ManualClock(),
    log: silentLogger,
    fs: new MemoryFs(),
  });
  expect(await second.query((known) => known.sequence)).toBe(journal.head.sequence);
  done = true;
  await others;
  expect(turns - before).toBeGreaterThanOrEqual(640 / 32);
  await Promise.all([index.close(), second.close()]);
});
