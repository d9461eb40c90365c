// Crashes between any two file operations, and damage anywhere, against the promise of the journal.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs, type MemoryFsOptions } from '../../../test/support/memory-fs.ts';
import { crc32c } from '../../base/crc32c.ts';
import type { AppError } from '../../base/errors.ts';
import { silentLogger } from '../../base/logger.ts';
import { nextHead } from '../../contract/integrity/hash-chain.ts';
import type { Journal } from './journal.ts';
import { openJournal } from './open-journal.ts';
import {
  batchBytes,
  decodeSegmentHeader,
  encodeBatch,
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
} from './segment-format.ts';
import { verifyJournal } from './verify-journal.ts';

const DIR = '/j';
const RUNS = Number(process.env.CRASH_RUNS ?? 300);

const open = (fs: MemoryFs, onFatal: (error: AppError) => void = () => {}, log = silentLogger) =>
  openJournal(DIR, { clock: new ManualClock(), log, onFatal, fs, segmentBytes: 1500, stepBytes: 1024 });

async function contents(journal: Journal): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for await (const { sequence, bytes } of journal.read()) found.set(sequence, Buffer.from(bytes).toString('latin1'));
  return found;
}

/** What the process did before it died: groups of appends, each group in one tick. */
const script = fc.array(
  fc.record({
    appends: fc.array(fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 4,
    }),
    reserve: fc.boolean(),
    prune: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
);
type Script = typeof script extends fc.Arbitrary<infer T> ? T : never;

interface Trace {
  /** Every record that was handed in, in the order in which it was. */
  readonly submitted: string[];
  readonly acknowledged: Map<number, string>;
}

/** Runs the script until it ends or the disk dies. */
async function play(fs: MemoryFs, steps: Script, trace: Trace): Promise<void> {
  let journal: Journal;
  try {
    journal = await open(fs);
  } catch {
    return;
  }
  const put = async (sizes: number[], use?: Awaited<ReturnType<Journal['reserve']>>) => {
    const records = sizes.map((size) =>
      `${trace.submitted.length + 1}:`.padEnd(size, String.fromCharCode(65 + (size % 50))),
    );
    trace.submitted.push(...records);
    const first = await journal.append(
      records.map((value) => Buffer.from(value)),
      use ? { use } : {},
    );
    for (const [index, value] of records.entries()) trace.acknowledged.set(first + index, value);
  };
  for (const { appends, reserve, prune } of steps) {
    try {
      const room = reserve ? await journal.reserve(700 * 3, 3) : undefined;
      await Promise.all(appends.map((sizes, index) => put(sizes, index === 0 ? room : undefined)));
      if (prune) {
        const before = journal.head.sequence;
        const checkpoint = 'checkpoint';
        if (journal.cut(before)) trace.submitted.push(checkpoint);
        if (await journal.prune(before, [Buffer.from(checkpoint)])) trace.acknowledged.set(before + 1, checkpoint);
      }
    } catch {
      return;
    }
  }
}

/** Every acknowledged record that was not pruned is there; whatever is there was handed in, whole and in order. */
function holds(found: Map<number, string>, trace: Trace, first: number): void {
  for (const [sequence, value] of trace.acknowledged) if (sequence >= first) expect(found.get(sequence)).toBe(value);
  let expected = first;
  for (const [sequence, value] of found) {
    expect(sequence).toBe(expected++);
    expect(value).toBe(trace.submitted[sequence - 1]);
  }
}

test('whatever is killed or loses power wherever, what was acknowledged is there and nothing torn is accepted', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ steps: script, at: fc.nat(140), seed: fc.infiniteStream(fc.boolean()), killed: fc.boolean() }),
        {
          minLength: 1,
          maxLength: 3,
        },
      ),
      async (lives) => {
        let fs = new MemoryFs();
        let trace: Trace = { submitted: [], acknowledged: new Map() };
        for (const { steps, at, seed, killed } of lives) {
          const options: MemoryFsOptions = { fault: (_operation, count) => (count === at ? 'crash' : undefined) };
          fs = fs.kill(options);
          await play(fs, steps, trace);
          fs = killed ? fs.kill() : fs.crash(() => seed.next().value!);
          const journal = await open(fs);
          expect(await journal.verify()).toMatchObject({ ok: true });
          const found = await contents(journal);
          holds(found, trace, journal.firstSequence);
          const after = await journal.append([Buffer.from('after')]);
          expect(after).toBe(journal.firstSequence + found.size);
          await journal.close();
          trace = carryOn(found, after, trace);
        }
      },
    ),
    { numRuns: RUNS },
  );
});

function carryOn(found: Map<number, string>, after: number, trace: Trace): Trace {
  const submitted = trace.submitted.slice(0, after - 1);
  submitted.push('after');
  return { submitted, acknowledged: new Map([...found, [after, 'after']]) };
}

test('one flipped bit never passes: it stops the start with file and offset, or was behind all that counts', async () => {
  await fc.assert(
    fc.asyncProperty(script, fc.nat(), fc.nat(7), async (steps, where, bit) => {
      const fs = new MemoryFs();
      const trace: Trace = { submitted: [], acknowledged: new Map() };
      await play(
        fs,
        steps.map((step) => ({ ...step, prune: false })),
        trace,
      );
      const damaged = fs.kill();
      const paths = damaged.paths();
      const path = paths[where % paths.length]!;
      const bytes = damaged.bytes(path);
      const offset = Math.floor(where / paths.length) % bytes.length;
      bytes[offset] = bytes[offset]! ^ (1 << bit);
      try {
        const journal = await open(damaged);
        const found = await contents(journal);
        // Only the last batch may be taken for a torn one; no other record may be missing or different.
        const whole = await contents(await open(fs.kill()));
        for (const [sequence, value] of found) expect(value).toBe(whole.get(sequence));
        if (found.size < whole.size) expect(path).toBe(paths.at(-1));
      } catch (error) {
        const { reason, metadata } = error as AppError;
        expect(reason).toBe('JOURNAL_DAMAGED');
        expect(path.endsWith(metadata.file!)).toBe(true);
        expect(Number(metadata.offset)).toBeLessThanOrEqual(offset);
      }
    }),
    { numRuns: RUNS },
  );
});

test('a flipped bit in a last write that is whole is told as damage, never as a cut write; its bytes are kept', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  await journal.append([Buffer.from('first')]);
  await journal.append([Buffer.from('last, and acknowledged'), Buffer.alloc(900, 'x')]);
  const [path = ''] = fs.paths();
  const offset = SEGMENT_HEADER_BYTES + batchBytes([Buffer.from('first')]);
  const end = offset + batchBytes([Buffer.from('last, and acknowledged'), Buffer.alloc(900)]);
  for (let at = offset; at < end; at += at < offset + 30 || at > end - 40 ? 1 : 37) {
    const damaged = fs.kill();
    damaged.bytes(path)[at]! ^= 1 << (at % 8);
    const bad = Buffer.from(damaged.bytes(path).subarray(offset, end));
    expect(await verifyJournal(damaged, DIR)).toMatchObject({ ok: false, records: 1, firstBad: { offset } });
    const said: string[] = [];
    const reopened = await open(damaged, () => {}, { ...silentLogger, warn: (text) => said.push(text) });
    expect(reopened.head.sequence).toBe(1);
    expect(said).toEqual([expect.stringMatching(/damaged.*kept aside.*control plane will say/s)]);
    const aside = damaged.bytes(`${path}.${offset}.damaged`);
    expect(aside.equals(bad.subarray(0, aside.length)) && aside.length > bad.length - 8).toBe(true);
    expect(await reopened.verify()).toMatchObject({ ok: true, records: 1 });
    await reopened.close();
  }
});

test('a last write of which bytes are missing, at its end or as a sector, is told as cut and goes', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  await journal.append([Buffer.from('first')]);
  await journal.append([Buffer.alloc(1200, 'x')]);
  const [path = ''] = fs.paths();
  const offset = SEGMENT_HEADER_BYTES + batchBytes([Buffer.from('first')]);
  const end = offset + batchBytes([Buffer.alloc(1200)]);
  const cuts = [offset + 1, offset + 20, offset + 24, offset + 100, 512, 1024, end - 4].map(
    (from) => (bytes: Buffer) => bytes.fill(0, from),
  );
  for (const cut of [
    ...cuts,
    (bytes: Buffer) => bytes.fill(0, 512, 1024),
    (bytes: Buffer) => bytes.fill(0, offset, 512),
  ]) {
    const torn = fs.kill();
    cut(torn.bytes(path));
    expect(await verifyJournal(torn, DIR)).toMatchObject({ ok: true, records: 1, cut: { offset } });
    const said: string[] = [];
    const reopened = await open(torn, () => {}, { ...silentLogger, warn: (text) => said.push(text) });
    expect(said).toEqual([expect.stringMatching(/bytes are missing.*control plane will say/s)]);
    expect(torn.paths()).toEqual([path]);
    await reopened.close();
  }
});

test('only a header that is whole may be of a newer version', () => {
  const id = new Uint8Array(16);
  const header = {
    id,
    firstSequence: 1,
    previousHead: new Uint8Array(32),
    salt: id,
    createdAt: 1,
    binding: new Uint8Array(32),
  };
  for (let bit = 0; bit < 32; bit++) {
    const bytes = encodeSegmentHeader(header);
    bytes[8 + (bit >> 3)]! ^= 1 << (bit & 7);
    expect(decodeSegmentHeader(bytes)).toBeUndefined();
    bytes.writeUInt32BE(crc32c(bytes.subarray(0, 124)), 124);
    expect(decodeSegmentHeader(bytes)).toBe(bytes.readUInt32BE(8) > 1 ? 'newer' : undefined);
  }
});

test('damage in the middle names file and offset and changes nothing', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  for (const value of ['one', 'two', 'three']) await journal.append([Buffer.from(value)]);
  const damaged = fs.kill();
  const path = damaged.paths()[0]!;
  const offset = 128 + 64 + 'one'.length;
  damaged.bytes(path)[offset + 30]! ^= 1;
  const before = Buffer.from(damaged.bytes(path));
  await expect(open(damaged)).rejects.toMatchObject({
    reason: 'JOURNAL_DAMAGED',
    metadata: { file: '0000000000000001.seg', offset: String(offset) },
  });
  expect(damaged.bytes(path).equals(before)).toBe(true);
});

test('records that look like a batch of this journal do not make a torn end look like damage', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  await journal.append([Buffer.from('first')]);
  // Whoever chooses a record's bytes cannot know the salt; a copy of another journal's batch is the best they have.
  const other = new MemoryFs();
  const second = await open(other);
  for (let i = 0; i < 5; i++) await second.append([Buffer.from(`later ${i}`)]);
  const forged = Buffer.from(other.bytes(other.paths()[0]!).subarray(128));
  await journal.append([forged]);
  const torn = fs.kill();
  torn.bytes(torn.paths()[0]!)[128 + 64 + 5 + 40]! ^= 1;
  const reopened = await open(torn);
  expect(reopened.head.sequence).toBe(1);
  expect(torn.bytes(torn.paths()[0]!).length).toBe(128 + 64 + 5);
});

test('a record that was exchanged together with its checksums breaks the chain', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  for (const value of ['allow a', 'allow b', 'allow c']) await journal.append([Buffer.from(value)]);
  const forged = fs.kill();
  const bytes = forged.bytes(forged.paths()[0]!);
  const salt = bytes.subarray(68, 84);
  const offset = 128 + 64 + 7;
  const head = bytes.subarray(offset + 24 + 4 + 7, offset + 24 + 4 + 7 + 32);
  bytes.set(encodeBatch(salt, 2, [Buffer.from('allow X')], head), offset);
  await expect(open(forged)).rejects.toMatchObject({ reason: 'JOURNAL_DAMAGED', metadata: { offset: String(offset) } });
  bytes.set(
    encodeBatch(salt, 2, [Buffer.from('allow X')], nextHead(bytes.subarray(159, 191), Buffer.from('allow X'))),
    offset,
  );
  await expect(open(forged)).rejects.toMatchObject({ reason: 'JOURNAL_DAMAGED' });
});

test('a segment that is missing, renamed or of another journal stops the start', async () => {
  const fs = new MemoryFs();
  const journal = await open(fs);
  for (let i = 0; i < 12; i++) await journal.append([Buffer.alloc(400)]);
  const paths = fs.paths();
  expect(paths.length).toBeGreaterThan(2);
  const missing = fs.kill();
  await missing.unlink(paths[1]!);
  await expect(open(missing)).rejects.toMatchObject({ reason: 'JOURNAL_DAMAGED' });
  const renamed = fs.kill();
  await renamed.rename(paths[1]!, `${DIR}/0000000000000002.seg`);
  await expect(open(renamed)).rejects.toMatchObject({ reason: 'JOURNAL_DAMAGED' });
  const foreign = fs.kill();
  const other = new MemoryFs();
  const stranger = await open(other);
  for (let i = 0; i < 12; i++) await stranger.append([Buffer.alloc(400)]);
  foreign.bytes(paths[1]!).set(other.bytes(paths[1]!));
  await expect(open(foreign)).rejects.toMatchObject({ reason: 'JOURNAL_DAMAGED' });
});
