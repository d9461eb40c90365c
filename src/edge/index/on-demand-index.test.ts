// The index that waits for a query.
import { expect, test, vi } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import { breath } from '../../base/breath.ts';
import { silentLogger } from '../../base/logger.ts';
import { type EdgeJournal, openEdgeJournal } from '../journal/edge-journal.ts';
import { OnDemandIndex, type OnDemandIndexOptions } from './on-demand-index.ts';

async function parts(more: Partial<OnDemandIndexOptions> = {}) {
  const fs = new MemoryFs();
  const clock = new ManualClock();
  const log = silentLogger;
  const journal = await openEdgeJournal('/j', { clock, log, onFatal: () => {}, fs });
  const index = new OnDemandIndex({ path: '/home/state.db', journal, clock, log, fs, ...more });
  journal.follow(index);
  return { journal, index, clock, fs };
}

const ask = (journal: EdgeJournal, run: string) =>
  journal.append([
    { case: 'ask', value: { requestId: `request ${run}`, ask: { run, conversation: 'c', text: 'why?' } } },
  ]);

test('nothing is opened before the first query; its answer knows all that was journaled, before and since', async () => {
  const { journal, index } = await parts();
  const read = vi.spyOn(journal, 'entries');
  await ask(journal, 'r1');
  expect(index.open).toBe(false);
  const [first, again] = await Promise.all([
    index.query((known) => known.runOfRequest('request r1')?.run),
    index.query((known) => known.run('r1')?.conversation),
  ]);
  expect([first, again]).toEqual(['r1', 'c']);
  await ask(journal, 'r2');
  expect(await index.query((known) => [known.run('r1')?.sequence, known.run('r2')?.run])).toEqual([1, 'r2']);
  expect(read).toHaveBeenCalledTimes(1);
  await index.close();
});

test('it opens by itself when it would have too much to catch up with, and closes with a snapshot', async () => {
  const { journal, index, fs } = await parts({ lagRecords: 300 });
  for (let n = 1; n < 300; n++) await ask(journal, `r${n}`);
  expect(index.open).toBe(false);
  await ask(journal, 'r300');
  expect(index.open).toBe(true);
  await vi.waitUntil(() => !index.open && fs.paths().includes('/home/state.db'), { timeout: 10_000 });
  const read = vi.spyOn(journal, 'entries');
  expect(await index.query((known) => known.run('r300')?.run)).toBe('r300');
  expect(read.mock.lastCall).toEqual([301]);
  await index.close();
});

test('it is closed when nobody asked for a while, sees nothing then, and knows all at the next query', async () => {
  const { journal, index, clock } = await parts({ restMs: 1_000 });
  const first = await index.query((known) => known);
  clock.advance(999);
  await index.query((known) => known.sequence);
  clock.advance(999);
  expect(index.open).toBe(true);
  clock.advance(1);
  expect(index.open).toBe(false);
  await ask(journal, 'r1');
  const next = await index.query((known) => known);
  expect([first.sequence, next.run('r1')?.run]).toEqual([0, 'r1']);
  await index.close();
});

test('it stays open while somebody asks', async () => {
  const { index, clock } = await parts({ restMs: 1_000 });
  await index.query((known) => known.sequence);
  const asking = index.query((known) => known.sequence);
  clock.advance(5_000);
  expect(index.open).toBe(true);
  expect(await asking).toBe(0);
  await index.close();
});

test('a failure to open is told to who asked, and the next query tries again', async () => {
  const { journal, index } = await parts();
  await ask(journal, 'r1');
  vi.spyOn(journal, 'entries').mockImplementationOnce(() => {
    throw new Error('no disk');
  });
  await expect(index.query((known) => known.sequence)).rejects.toThrow('no disk');
  expect(await index.query((known) => known.run('r1')?.run)).toBe('r1');
  await index.close();
});

test('closed without a query it opens nothing and answers nothing', async () => {
  const { journal, index } = await parts();
  const read = vi.spyOn(journal, 'entries');
  await ask(journal, 'r1');
  await index.close();
  await expect(index.query((known) => known.sequence)).rejects.toMatchObject({ reason: 'CLOSED' });
  expect(read).not.toHaveBeenCalled();
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
  // The same again: the journal alone is read.
  const second = new OnDemandIndex({
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
