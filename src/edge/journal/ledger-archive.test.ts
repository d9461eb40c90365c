// What left the box is told for ever: lines of the ledger outlive the pruning of their records, each once, whatever crashes when;
// and an archive that was edited, cut or taken away shows.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import type { AppError } from '../../base/errors.ts';
import { silentLogger } from '../../base/logger.ts';
import { type EdgeJournal, type EdgeJournalOptions, openEdgeJournal } from './edge-journal.ts';
import type { LedgerPlace } from './ledger-lines.ts';
import type { RecordInit } from './records.ts';
import { verifyFolder } from './verify-ledger.ts';

const DIR = '/j';
const ARCHIVE = `${DIR}/ledger/`;

const small = (fs: MemoryFs) => ({
  clock: new ManualClock(),
  log: silentLogger,
  onFatal: () => {},
  fs,
  segmentBytes: 3000,
  stepBytes: 1024,
});

const open = (fs: MemoryFs, more: Partial<EdgeJournalOptions> = {}): Promise<EdgeJournal> =>
  openEdgeJournal(DIR, { ...small(fs), ...more });

const line = (n: number, size = 0) => ({
  path: `${n}`.padEnd(size, ' '),
  field: 'text',
  bytes: BigInt(n),
  run: `r${n % 3}`,
});
/** Lines `from` to `to` in one record of one of the three kinds that have some, and what ends it, so that it need not be kept. */
function told(from: number, to: number, size = 0): RecordInit[] {
  const egress = Array.from({ length: to - from + 1 }, (_, i) => line(from + i, size));
  const [kind, name] = [Math.floor(from / 3) % 3, `n${from}`];
  if (kind === 0) return [{ case: 'ledger', value: { entries: egress } }];
  if (kind === 1)
    return [
      { case: 'ask', value: { ask: { run: name }, requestId: name, egress } },
      { case: 'runAnswered', value: { run: name } },
    ];
  return [
    { case: 'toolOutcome', value: { idempotencyKey: name, job: name, resultSha256: new Uint8Array(32), egress } },
    { case: 'toolSettled', value: { idempotencyKey: name } },
  ];
}

/** Everything the ledger says, newest first, read in pages. */
async function all(journal: EdgeJournal, limit = 7, run?: string): Promise<number[]> {
  const found: number[] = [];
  let before: LedgerPlace | undefined;
  for (;;) {
    const page = await journal.ledger({ limit, ...(run !== undefined && { run }), ...(before && { before }) });
    found.push(...page.map(({ egress }) => Number(egress.bytes)));
    before = page.at(-1);
    if (page.length < limit || !before) return found;
  }
}

function flip(bytes: Uint8Array, at: number): void {
  bytes[at] = bytes[at]! ^ 1;
}

const down = (from: number): number[] => Array.from({ length: from }, (_, i) => from - i);

async function filled(fs: MemoryFs, records = 12, more: Partial<EdgeJournalOptions> = {}): Promise<EdgeJournal> {
  const journal = await open(fs, more);
  for (let n = 0; n < records; n++) await journal.append(told(3 * n + 1, 3 * n + 3, 150));
  return journal;
}

test('lines outlive the pruning of their records, and are read on without a seam', async () => {
  const fs = new MemoryFs();
  const journal = await filled(fs);
  const whole = await journal.ledger({ limit: 1000 });
  for (const keep of [6000, 3000, 0, 0]) await journal.prune(keep);
  expect(journal.firstSequence).toBeGreaterThan(9);
  expect(fs.paths().some((path) => path.startsWith(ARCHIVE))).toBe(true);
  for (const reopened of [false, true]) {
    const of = reopened ? await open(fs.kill()) : journal;
    expect(await of.ledger({ limit: 1000 })).toEqual(whole);
    for (const limit of [1, 2, 7, 35, 36, 37]) expect(await all(of, limit)).toEqual(down(36));
    expect(await all(of, 4, 'r1')).toEqual(down(36).filter((n) => n % 3 === 1));
    const { ok, ledger } = await of.verify();
    expect([ok, ledger]).toMatchObject([true, { firstSequence: 1, droppedLines: 0n }]);
    const archived = Number(ledger!.lines);
    expect(ledger!.bytes).toBe(BigInt((archived * (archived + 1)) / 2));
    expect(ledger!.lastSequence).toBe(of.firstSequence - 1);
  }
});

test('a pruning that is killed, or loses power, at any step leaves neither a hole nor a doubled line', async () => {
  const steps = async (fs: MemoryFs) => {
    const journal = await open(fs);
    await journal.prune(4000);
    await journal.append(told(37, 39, 150));
    await journal.prune(0);
  };
  const made = new MemoryFs();
  await filled(made);
  const probe = made.kill({ fault: () => undefined });
  await steps(probe);
  const { count } = probe;
  expect(count).toBeGreaterThan(60);
  let unfinished = 0;
  for (let at = 0; at < count; at++) {
    for (const kept of ['all', at % 2 ? 'none' : 'some'] as const) {
      const fs = made.kill({ fault: (_operation, n) => (n === at ? 'crash' : undefined) });
      await steps(fs).catch(() => unfinished++);
      let odd = at;
      const keep = () => {
        odd = (odd * 7 + 3) % 11;
        return kept === 'some' && odd > 4;
      };
      const after = kept === 'all' ? fs.kill() : fs.crash(keep);
      const again = await open(after);
      const lines = await all(again);
      expect(lines, `${kept} at ${at}`).toEqual(down(lines.length));
      expect(lines.length).toBeGreaterThanOrEqual(36);
      await again.prune(0);
      expect(await all(again)).toEqual(lines);
      expect(await again.verify()).toMatchObject({ ok: true });
      expect(await verifyFolder(after.kill(), DIR)).toMatchObject({ ok: true });
    }
  }
  expect(unfinished).toBeGreaterThan(count);
});

test('a file operation of a pruning that fails costs no line; where it is not fatal, the next pruning succeeds', async () => {
  const made = new MemoryFs();
  await filled(made);
  const probe = made.kill({ fault: () => undefined });
  await (await open(probe)).prune(0);
  for (let at = 0; at < probe.count; at++) {
    for (const code of ['EIO', 'ENOSPC']) {
      let failed = 0;
      const fs = made.kill({ fault: (_operation, n) => (n === at && failed++ === 0 ? { code } : undefined) });
      const journal = await open(fs).catch(() => undefined);
      await journal?.prune(0).catch(() => {});
      const again = await open(fs.kill());
      expect(await all(again), `${code} at ${at}`).toEqual(down(36));
      await again.prune(0);
      expect(await all(again)).toEqual(down(36));
      expect(await again.verify()).toMatchObject({ ok: true });
    }
  }
});

test('whatever is appended, pruned and restarted in whatever order, the ledger is whole', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('lines' as const), size: fc.integer({ min: 0, max: 4 }) }),
    fc.record({ kind: fc.constantFrom('prune' as const, 'twice' as const), size: fc.nat(5000) }),
    fc.record({ kind: fc.constant('restart' as const), size: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
      let fs = new MemoryFs();
      let journal = await open(fs);
      let n = 0;
      for (const { kind, size } of steps) {
        if (kind === 'lines') {
          await journal.append(told(n + 1, n + size, 200));
          n += size;
        } else if (kind === 'restart') {
          fs = fs.kill();
          journal = await open(fs);
        } else {
          await Promise.all([journal.prune(size), ...(kind === 'twice' ? [journal.prune(0), all(journal)] : [])]);
        }
      }
      expect(await all(journal)).toEqual(down(n));
      expect(await journal.verify()).toMatchObject({ ok: true });
    }),
    { numRuns: Number(process.env.CRASH_RUNS ?? 60) },
  );
});

test('an archive that was taken away, cut or exchanged stops the start, and verify says so', async () => {
  const fs = new MemoryFs();
  await prunedOften(fs);
  const paths = fs.paths().filter((path) => path.startsWith(ARCHIVE));
  expect(paths.length).toBeGreaterThan(2);
  const damaged = async (what: string, damage: (copy: MemoryFs) => unknown, starts = false) => {
    const copy = fs.kill();
    await damage(copy);
    const found = await verifyFolder(copy, DIR);
    expect([what, found.ok, found.firstBad?.file]).toEqual([what, false, expect.stringMatching(/^ledger/)]);
    const start = open(copy.kill()).then(
      () => 'started',
      (error: AppError) => error.reason,
    );
    expect([what, await start]).toEqual([what, starts ? 'started' : 'JOURNAL_DAMAGED']);
  };
  await damaged('all of it is gone', async (copy) => Promise.all(paths.map((path) => copy.unlink(path))));
  await damaged('its oldest segment is gone', async (copy) => copy.unlink(paths[0]!));
  await damaged('its newest segment is gone', async (copy) => copy.unlink(paths.at(-1)!));
  // Only the newest segment is read at a start: a start takes no longer because the archive is long.
  await damaged('a segment in the middle is gone', async (copy) => copy.unlink(paths[1]!), true);
  await damaged('a byte of an old segment', (copy) => flip(copy.bytes(paths[1]!), 400), true);
  await damaged('a byte of the newest segment', (copy) => flip(copy.bytes(paths.at(-1)!), 200));

  const younger = new MemoryFs();
  await prunedOften(younger);
  await damaged('the archive of another journal', (copy) => {
    for (const path of paths) copy.bytes(path).set(younger.bytes(path).subarray(0, copy.bytes(path).length));
  });
});

async function prunedOften(fs: MemoryFs): Promise<void> {
  const journal = await open(fs);
  for (let n = 0; n < 60; n++) {
    await journal.append(told(3 * n + 1, 3 * n + 3, 150));
    if (n % 6 === 5) await journal.prune(0);
  }
}

test('an archive of an earlier day beside the journal of today is told, also where its chain is sound', async () => {
  const fs = new MemoryFs();
  const journal = await filled(fs, 30);
  await journal.prune(3000);
  const then = fs.kill();
  const today = await open(then.kill());
  const now = then.kill();
  const later = await open(now);
  for (let n = 30; n < 60; n++) await later.append(told(3 * n + 1, 3 * n + 3, 150));
  await later.prune(0);
  expect(await all(today)).toEqual(down(90));
  const mixed = now.kill();
  for (const path of now.paths().filter((one) => one.startsWith(ARCHIVE))) await mixed.unlink(path);
  for (const path of then.paths().filter((one) => one.startsWith(ARCHIVE))) {
    const file = await mixed.open(path, 'create');
    await file.write(then.bytes(path), 0);
  }
  expect(await verifyFolder(mixed, DIR)).toMatchObject({ ok: false, firstBad: { file: 'ledger' } });
  await expect(open(mixed)).rejects.toMatchObject({ reason: 'JOURNAL_DAMAGED', metadata: { file: 'ledger' } });
});

test('a full archive refuses new work with the setting that helps, and loses nothing', async () => {
  const fs = new MemoryFs();
  const limits = { maxBytes: 24_000, ledger: { maxBytes: 9000 } };
  const journal = await open(fs, limits);
  let n = 0;
  const error = await (async () => {
    for (; n < 1000; n += 3) await journal.append(told(n + 1, n + 3, 150));
  })().catch((refused: AppError) => refused);
  expect(error).toMatchObject({
    reason: 'LEDGER_FULL',
    message: expect.stringMatching(/9000 bytes.*limits\.ledger_bytes.*ledger_full: drop_oldest/),
  });
  expect(await all(journal)).toEqual(down(n));
  // What makes room is taken all the same.
  await journal.append([{ case: 'toolSettled', value: { idempotencyKey: 'k2' } }]);
  const raised = await open(fs.kill(), { ...limits, ledger: { maxBytes: 90_000 } });
  for (const end = n + 90; n < end; n += 3) await raised.append(told(n + 1, n + 3, 150));
  expect(await all(raised)).toEqual(down(n));
  expect(await raised.verify()).toMatchObject({ ok: true });
});

test('where the owner chose so, a full archive drops its oldest lines, counts them and says so', async () => {
  const fs = new MemoryFs();
  const said: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void said.push(message) };
  const limits = { maxBytes: 24_000, log, ledger: { maxBytes: 20_000, whenFull: 'drop_oldest' as const } };
  let journal = await open(fs, limits);
  let n = 0;
  for (let round = 0; round < 4; round++) {
    for (const end = n + 150; n < end; n += 3) await journal.append(told(n + 1, n + 3, 150));
    const lines = await all(journal);
    expect(lines).toEqual(down(n).slice(0, lines.length));
    const { ok, ledger } = await journal.verify();
    expect([ok, Number(ledger?.droppedLines ?? 0n)]).toEqual([true, n - lines.length]);
    expect((await verifyFolder(fs, DIR)).ok).toBe(true);
    await journal.close();
    journal = await open(fs, limits);
  }
  expect(said.join()).toMatch(/oldest lines were dropped, as ledger_full says/);
  expect(n - (await all(journal)).length).toBeGreaterThan(0);
});

test('a journal that was pruned before there was an archive begins one where it stands', async () => {
  const fs = new MemoryFs();
  const journal = await filled(fs, 12);
  await journal.prune(0);
  // As an earlier version left it: checkpoints that tell of no archive, and none.
  const before = new MemoryFs();
  const old = await openWithoutArchive(before);
  const first = old.firstSequence;
  for (let n = 12; n < 40; n++) await old.append(told(3 * n + 1, 3 * n + 3, 150));
  await old.prune(0);
  expect(await old.verify()).toMatchObject({ ok: true, ledger: { firstSequence: first } });
  expect((await all(old)).slice(0, 84)).toEqual(down(120).slice(0, 84));
});

/** A journal whose oldest segments went with a checkpoint that tells of no archive. */
async function openWithoutArchive(fs: MemoryFs): Promise<EdgeJournal> {
  const { openJournal } = await import('./open-journal.ts');
  const { encodeRecord } = await import('./records.ts');
  const options = small(fs);
  const plain = await openJournal(DIR, options);
  for (let n = 0; n < 12; n++)
    await plain.append(told(3 * n + 1, 3 * n + 3, 150).map((record) => encodeRecord(record, 1).bytes));
  const cut = plain.cut(plain.head.sequence)!;
  const anchor = { journalId: plain.id, sequence: BigInt(cut.sequence), headSha256: cut.hash };
  const record = { case: 'checkpoint', value: { sequence: BigInt(cut.sequence), anchor } } as const;
  await plain.prune(plain.head.sequence, [encodeRecord(record, 1).bytes]);
  await plain.close();
  return open(fs);
}
