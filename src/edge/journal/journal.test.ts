import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs, type MemoryFsOptions } from '../../../test/support/memory-fs.ts';
import type { AppError } from '../../base/errors.ts';
import { silentLogger } from '../../base/logger.ts';
import type { Journal } from './journal.ts';
import { nodeFs } from './node-fs.ts';
import { setJournalAside } from './old-journal.ts';
import { type OpenJournalOptions, openJournal } from './open-journal.ts';

const DIR = '/j';
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const record = (value: string) => Buffer.from(value);
const reason = (error: unknown) => (error as AppError).reason;

function options(fs: MemoryFs, more: Partial<OpenJournalOptions> = {}): OpenJournalOptions {
  return { clock: new ManualClock(), log: silentLogger, onFatal: () => {}, fs, stepBytes: 4096, ...more };
}

async function texts(journal: Journal, from?: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { bytes } of journal.read(from)) found.push(text(bytes));
  return found;
}

const many = (count: number, size = 100) => Array.from({ length: count }, (_, i) => record(`${i} `.padEnd(size, '.')));

test('appends of one tick share one batch and one sync, later ones the next', async () => {
  const fs = new MemoryFs();
  const journal = await openJournal(DIR, options(fs));
  await journal.append([record('warm')]);
  const before = fs.calls.get('datasync')!;
  const [a, b, c] = [
    journal.append([record('a')]),
    journal.append([record('b1'), record('b2')]),
    journal.append([record('c')]),
  ];
  expect(await Promise.all([a, b, c])).toEqual([2, 3, 5]);
  expect(fs.calls.get('datasync')! - before).toBe(1);
  expect(await texts(journal)).toEqual(['warm', 'a', 'b1', 'b2', 'c']);
  expect(journal.head.sequence).toBe(5);
});

test('batch n+1 is not written before the sync of n returned', async () => {
  const order: string[] = [];
  const fs = new MemoryFs({
    fault: (operation) => {
      if (operation === 'write' || operation === 'datasync') order.push(operation);
      return undefined;
    },
  });
  const journal = await openJournal(DIR, options(fs));
  await journal.append([record('x')]);
  order.length = 0;
  const first = journal.append([record('1')]);
  await new Promise(setImmediate);
  const second = journal.append([record('2')]);
  await Promise.all([first, second]);
  expect(order).toEqual(['write', 'datasync', 'write', 'datasync']);
});

test('a reopened journal has the same id, head and records, and goes on counting', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'journal-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const opened = { clock: new ManualClock(), log: silentLogger, onFatal: () => {}, fs: nodeFs, segmentBytes: 2000 };
  const one = await openJournal(join(dir, 'journal'), opened);
  for (const value of many(50)) await one.append([value]);
  await one.close();
  const seen: number[] = [];
  const two = await openJournal(join(dir, 'journal'), { ...opened, onRecord: ({ sequence }) => seen.push(sequence) });
  expect(two.id).toBe(one.id);
  expect(two.head).toEqual(one.head);
  expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  expect(await two.append([record('on')])).toBe(51);
  expect(seen.at(-1)).toBe(51);
  expect(await texts(two, 50)).toEqual([text(many(50)[49]!), 'on']);
  expect(await two.holds(one.head)).toBe(true);
  expect(await two.holds({ sequence: 49, hash: one.head.hash })).toBe(false);
  expect(await two.verify()).toMatchObject({ ok: true, records: 51 });
  await two.close();
});

test('a full disk refuses new records but takes the outcome that has reserved room', async () => {
  const limits: MemoryFsOptions = {};
  const fs = new MemoryFs(limits);
  const journal = await openJournal(DIR, options(fs));
  const room = await journal.reserve(6000);
  await journal.append([record('intent')]);
  limits.capacity = 0;
  const refused = await Promise.all(many(9, 1000).map((value) => journal.append([value]).catch(reason)));
  expect(refused).toContain('DISK_FULL');
  await expect(journal.reserve(5000)).rejects.toMatchObject({ reason: 'DISK_FULL', retryable: true });
  const before = journal.head.sequence;
  expect(await journal.append(many(1, 6000), { use: room })).toBe(before + 1);
  limits.capacity = 1 << 20;
  await journal.append(many(1, 5000));
  expect(await journal.verify()).toMatchObject({ ok: true, records: before + 2 });
});

test('one batch of a refused record and an outcome keeps the outcome only', async () => {
  const limits: MemoryFsOptions = {};
  const journal = await openJournal(DIR, options(new MemoryFs(limits)));
  const room = await journal.reserve(100);
  limits.capacity = 0;
  const big = journal.append(many(1, 5000)).catch(reason);
  const outcome = journal.append(many(1, 100), { use: room });
  expect(await big).toBe('DISK_FULL');
  expect(await outcome).toBe(1);
});

test('a reservation survives the change of segment, works once, and a released one not at all', async () => {
  const limits: MemoryFsOptions = {};
  const fs = new MemoryFs(limits);
  const journal = await openJournal(DIR, options(fs, { segmentBytes: 1000 }));
  const room = await journal.reserve(20_000);
  for (const value of many(30)) await journal.append([value]);
  expect(fs.paths().length).toBeGreaterThan(2);
  limits.capacity = 0;
  await journal.append(many(1, 20_000), { use: room });
  await expect(journal.append(many(1), { use: room })).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
  limits.capacity = 1 << 20;
  const other = await journal.reserve(10);
  other.release();
  other.release();
  await expect(journal.append(many(1), { use: other })).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
});

test('a short write is cut off, refused, and what follows is whole', async () => {
  let short = false;
  const fs = new MemoryFs({ fault: (operation) => (operation === 'write' && short ? { short: 30 } : undefined) });
  const journal = await openJournal(DIR, options(fs));
  await journal.append([record('before')]);
  short = true;
  await expect(journal.append([record('cut')])).rejects.toMatchObject({ reason: 'JOURNAL_WRITE' });
  expect(fs.bytes(fs.paths()[0]!).length).toBe(128 + 64 + 6);
  short = false;
  expect(await journal.append([record('after')])).toBe(2);
  expect(await texts(journal)).toEqual(['before', 'after']);
});

test('an outcome is written again once after a failed write; a second failure is fatal', async () => {
  for (const failures of [1, 2]) {
    let left = 0;
    const fatal: AppError[] = [];
    const fs = new MemoryFs({
      fault: (operation) => (operation === 'write' && left-- > 0 ? { code: 'EIO' } : undefined),
    });
    const journal = await openJournal(DIR, options(fs, { onFatal: (error) => fatal.push(error) }));
    const room = await journal.reserve(10);
    left = failures;
    const outcome = await journal.append([record('done')], { use: room }).catch(reason);
    expect(outcome).toBe(failures === 1 ? 1 : 'JOURNAL_FAILED');
    expect(fatal.length).toBe(failures - 1);
  }
});

test('a failed sync is fatal, told once, never tried again', async () => {
  let fail = false;
  const fatal: AppError[] = [];
  const fs = new MemoryFs({ fault: (operation) => (operation === 'datasync' && fail ? { code: 'EIO' } : undefined) });
  const journal = await openJournal(DIR, options(fs, { onFatal: (error) => fatal.push(error) }));
  await journal.append([record('kept')]);
  fail = true;
  const syncs = fs.calls.get('datasync')!;
  const lost = journal.append([record('lost')]).catch(reason);
  await new Promise(setImmediate);
  const queued = journal.append([record('queued')]).catch(reason);
  expect(await lost).toBe('JOURNAL_FAILED');
  expect(await queued).toBe('JOURNAL_FAILED');
  expect(await journal.append([record('more')]).catch(reason)).toBe('JOURNAL_FAILED');
  expect(await journal.reserve(1).catch(reason)).toBe('JOURNAL_FAILED');
  expect(fs.calls.get('datasync')! - syncs).toBe(1);
  expect(fatal.map((error) => error.reason)).toEqual(['JOURNAL_FAILED']);
});

test('every limit bites with its own error', async () => {
  const journal = await openJournal(DIR, options(new MemoryFs(), { maxBytes: 5000, queueBytes: 1500 }));
  await expect(journal.append([Buffer.alloc((1 << 20) + 1)])).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED' });
  await expect(journal.append([])).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
  const waiting = many(3, 600).map((value) => journal.append([value]).catch(reason));
  expect(await Promise.all(waiting)).toEqual([1, 2, 'JOURNAL_BUSY']);
  const room = await journal.reserve(3000);
  await expect(journal.append(many(1, 600))).rejects.toMatchObject({
    reason: 'JOURNAL_FULL',
    message: expect.stringContaining('raise limits.journal_bytes'),
  });
  await journal.append(many(1, 3000), { use: room });
  await expect(journal.reserve(3000)).rejects.toMatchObject({ reason: 'JOURNAL_FULL' });
  await journal.close();
  await expect(journal.append(many(1))).rejects.toMatchObject({ reason: 'CLOSED' });
});

test('pruning leaves a checkpoint, drops whole old segments, and the chain still holds', async () => {
  const fs = new MemoryFs();
  const journal = await openJournal(DIR, options(fs, { segmentBytes: 1000 }));
  for (const value of many(40)) await journal.append([value]);
  const cut = journal.cut(20)!;
  expect(cut.sequence).toBeLessThan(20);
  expect(await journal.prune(20, [record('checkpoint')])).toBeGreaterThan(0);
  expect(journal.base).toEqual(cut);
  expect(journal.cut(20)).toBeUndefined();
  expect(await journal.prune(20, [record('again')])).toBe(0);
  await expect(texts(journal, 1)).rejects.toMatchObject({ reason: 'JOURNAL_PRUNED' });
  expect((await texts(journal)).at(-1)).toBe('checkpoint');
  expect(await journal.verify()).toMatchObject({ ok: true });
  const reopened = await openJournal(DIR, options(fs.kill(), { segmentBytes: 1000 }));
  expect(reopened.base).toEqual(cut);
  expect(await reopened.holds(cut)).toBe(true);
});

test('a journal bound to one control plane is not opened for another', async () => {
  const fs = new MemoryFs();
  const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const unbound = await openJournal(DIR, options(fs));
  await unbound.append([record('before joining')]);
  await unbound.close();
  const bound = await openJournal(DIR, options(fs, { binding: one }));
  await bound.close();
  const again = await openJournal(DIR, options(fs));
  expect(await texts(again)).toEqual(['before joining']);
  await again.close();
  await expect(openJournal(DIR, options(fs, { binding: two }))).rejects.toMatchObject({ reason: 'JOURNAL_FOREIGN' });
});

test('a journal that is set aside is kept, and a new one with another id begins', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'journal-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'journal');
  const opened = { clock: new ManualClock(), log: silentLogger, onFatal: () => {} };
  const old = await openJournal(path, opened);
  await old.append([record('old')]);
  await old.close();
  const aside = await setJournalAside(path, opened.clock);
  const begun = await openJournal(path, opened);
  expect(begun.id).not.toBe(old.id);
  expect(begun.head.sequence).toBe(0);
  await begun.close();
  const kept = await openJournal(aside, opened);
  expect(await texts(kept)).toEqual(['old']);
  await kept.close();
});
