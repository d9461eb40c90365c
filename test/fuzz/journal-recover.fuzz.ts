// A journal and its archive as a broken disk or a foreign hand leave them: a start ends in time with a clear error, or in a journal
// that works. It never hands out a record that was not written there, and loses none that is whole behind one that is not.
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { JournalRecordSchema } from '../../gen/bowline/journal/v1/journal_pb.ts';
import { crc32c } from '../../src/base/crc32c.ts';
import { AppError } from '../../src/base/errors.ts';
import type { Logger } from '../../src/base/logger.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { nextHead } from '../../src/contract/integrity/hash-chain.ts';
import { type EdgeJournal, openEdgeJournal } from '../../src/edge/journal/edge-journal.ts';
import type { LedgerLine } from '../../src/edge/journal/ledger-lines.ts';
import type { RecordInit } from '../../src/edge/journal/records.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  decodeBatchHeader,
  encodeBatch,
  SEGMENT_HEADER_BYTES,
  segmentName,
} from '../../src/edge/journal/segment-format.ts';
import { verifyFolder } from '../../src/edge/journal/verify-ledger.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { cpuMs } from './cpu-ms.ts';
import type { Fuzz, Random } from './fuzz.ts';

const DIR = '/j';
/** For at most some 100 KB of files; the machine of a fuzzer is busy. */
const MOST_MS = 400;
const MOST_BYTES = 64 << 20;
const REASONS = ['JOURNAL_DAMAGED', 'JOURNAL_NEWER', 'JOURNAL_UNREADABLE'];

interface Batch {
  readonly path: string;
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly count: number;
}

/** What stood there before the damage: each record's bytes, each line of the ledger. */
interface Truth {
  readonly disk: MemoryFs;
  readonly records: ReadonlyMap<number, string>;
  readonly lines: readonly string[];
  readonly batches: readonly Batch[];
}

export const journalRecoverFuzz: Fuzz = {
  name: 'journal-recover',
  open: async () => ({
    async round(random) {
      const truth = await written(random);
      const damaged = truth.disk.kill();
      const wounds = 1 + random.int(3);
      const done: string[] = [];
      for (let n = 0; n < wounds; n++) done.push(await wound(damaged, truth, random));
      try {
        await judge(damaged, truth);
      } catch (cause) {
        throw new Error(`after ${done.join(', ')}`, { cause });
      }
    },
    close: async () => {},
  }),
};

/** A journal of a few segments, pruned or not. */
async function written(random: Random): Promise<Truth> {
  const disk = new MemoryFs();
  const journal = await open(disk);
  const prunes = random.int(3);
  const appends = 6 + random.int(40);
  const records = new Map<number, string>();
  let n = 0;
  for (let i = 0; i < appends; i++) {
    const count = 1 + random.int(3);
    await journal.append(Array.from({ length: count }, () => recordOf(random, ++n)));
    if (i % 15 === 14 && i / 15 < prunes) await journal.prune(random.int(4000));
  }
  const lines = (await journal.ledger({ limit: 100_000 })).map(textOf);
  for await (const { sequence, bytes } of raw(journal)) records.set(sequence, bytes);
  await journal.close();
  return { disk, records, lines, batches: disk.paths().flatMap((path) => batchesOf(path, disk.bytes(path))) };
}

function recordOf(random: Random, n: number): RecordInit {
  const run = `run-${n}`;
  const entries = Array.from({ length: random.int(4) }, (_, i) => ({
    path: 'p'.repeat(random.int(200)),
    field: `${n}.${i}`,
    bytes: BigInt(random.int(1000)),
  }));
  return random.pick<RecordInit>([
    { case: 'ledger', value: { entries } },
    { case: 'ask', value: { requestId: run, ask: { run, text: 'q'.repeat(random.int(300)) }, egress: entries } },
    { case: 'runAnswered', value: { run: `run-${random.int(n) + 1}` } },
    { case: 'toolOutcome', value: { idempotencyKey: run, job: run, resultSha256: random.bytes(32), egress: entries } },
    { case: 'toolSettled', value: { idempotencyKey: `run-${random.int(n) + 1}` } },
    { case: 'started', value: { bootId: run } },
  ]);
}

type Wound = (disk: MemoryFs, path: string, random: Random, truth: Truth) => Promise<unknown> | undefined;

const WOUNDS: Record<string, Wound> = {
  flipped: (disk, path, random) => {
    const bytes = disk.bytes(path);
    for (let n = 1 + random.int(8); n > 0 && bytes.length > 0; n--)
      bytes[random.int(bytes.length)]! ^= 1 << random.int(8);
    return undefined;
  },
  cut: (disk, path, random) => put(disk, path, disk.bytes(path).subarray(0, random.int(disk.bytes(path).length + 1))),
  zeroed: (disk, path, random) => {
    const bytes = disk.bytes(path);
    const from = random.int(bytes.length + 1);
    bytes.fill(0, from, Math.min(bytes.length, from + random.int(2000)));
    return undefined;
  },
  noise: (disk, path, random) =>
    put(disk, path, Buffer.concat([disk.bytes(path), Buffer.from(random.bytes(random.int(3000)))])),
  magic: (disk, path, random) => {
    const magic = Buffer.alloc(4);
    magic.writeUInt32BE(BATCH_MAGIC);
    return put(disk, path, Buffer.concat([disk.bytes(path), Buffer.alloc(4 * random.int(30_000), magic)]));
  },
  gone: (disk, path) => disk.unlink(path),
  doubled: (disk, path, random) => put(disk, other(disk, path, random), disk.bytes(path)),
  swapped: async (disk, path, random) => {
    const second = random.pick(disk.paths());
    const [a, b] = [Buffer.from(disk.bytes(path)), Buffer.from(disk.bytes(second))];
    await put(disk, path, b);
    await put(disk, second, a);
  },
  renamed: (disk, path, random) => disk.rename(path, folderOf(path) + segmentName(random.int(200))),
  foreign: (disk, path, random) =>
    put(
      disk,
      folderOf(path) + random.pick([segmentName(random.int(500)), 'notes.txt', 'segment.tmp']),
      random.bytes(random.int(500)),
    ),
  /** Batches in another order, one twice, or one of another segment. */
  shuffled: (disk, path, random, { disk: before, batches }) => {
    const own = batches.filter((batch) => batch.path === path);
    if (own.length === 0) return undefined;
    const source = random.chance(0.3) ? random.pick(batches) : random.pick(own);
    const bytes = Buffer.from(before.bytes(source.path).subarray(source.from, source.to));
    const at = random.pick(own)[random.chance(0.5) ? 'from' : 'to'];
    const all = disk.bytes(path);
    const rest = all.subarray(random.chance(0.5) ? at : Math.min(at + bytes.length, all.length));
    return put(disk, path, Buffer.concat([all.subarray(0, at), bytes, rest]));
  },
  /** A batch with sound checksums, made by who knows the salt, with other records or impossible lengths; the chain gives it away. */
  forged: (disk, path, random, { batches }) => {
    const own = batches.filter((batch) => batch.path === path);
    const last = batches.at(-1);
    const all = disk.bytes(path);
    if (own.length === 0 || all.length < SEGMENT_HEADER_BYTES) return undefined;
    const batch = random.pick(own);
    const salt = all.subarray(68, 84);
    const records = Array.from({ length: batch.count }, () => random.bytes(random.int(80)));
    // The very last batch of all could be made whole, with its chain: only the anchor of the control plane tells then.
    const head = batch === last ? random.bytes(32) : records.reduce(nextHead, random.bytes(32));
    const forged = encodeBatch(salt, batch.first + (random.chance(0.2) ? random.int(9) : 0), records, head);
    if (random.chance(0.4)) {
      const length = random.pick([0xffffffff, 0x7fffffff, 1 << 21, 31, 0]);
      giant(forged, salt, length, random.chance(0.5));
    }
    const rest = all.subarray(random.chance(0.5) ? batch.to : Math.min(all.length, batch.from + forged.length));
    return put(disk, path, Buffer.concat([all.subarray(0, batch.from), forged, rest]));
  },
};

/** Sets a length or a count of a batch header, and its checksum anew. */
function giant(batch: Buffer, salt: Uint8Array, length: number, count: boolean): void {
  batch.writeUInt32BE(length, count ? 12 : 16);
  batch.writeUInt32BE(crc32c(batch.subarray(0, 20), crc32c(salt)), 20);
}

async function wound(disk: MemoryFs, truth: Truth, random: Random): Promise<string> {
  const path = random.pick(disk.paths().length > 0 ? disk.paths() : [`${DIR}/${segmentName(1)}`]);
  if (!disk.paths().includes(path)) return 'nothing left';
  const name = random.pick(Object.keys(WOUNDS));
  await WOUNDS[name]!(disk, path, random, truth);
  return `${name} ${path}`;
}

async function judge(disk: MemoryFs, truth: Truth): Promise<void> {
  const verified = await within(() => verifyFolder(disk, DIR));
  const intact = truth.batches.filter(({ path, from, to }) => {
    if (!disk.paths().includes(path)) return false;
    const whole = truth.disk.bytes(path);
    const same = (a: number, b: number) => disk.bytes(path).subarray(a, b).equals(whole.subarray(a, b));
    return same(0, SEGMENT_HEADER_BYTES) && same(from, to);
  });
  const said: string[] = [];
  const journal = await within(() => open(disk, { ...silentLogger, warn: (line) => void said.push(line) }));
  if (!journal) return;
  if (disk.paths().length > 0 && verified === undefined) throw new Error('a journal that cannot be read was opened');
  const found = new Map<number, string>();
  for await (const { sequence, bytes } of raw(journal)) found.set(sequence, bytes);
  for (const [sequence, bytes] of found) {
    if (truth.records.get(sequence) !== bytes) throw new Error(`record ${sequence} was never written`);
  }
  for (const { path, first, count } of intact.filter((batch) => !batch.path.includes('/ledger/'))) {
    for (let n = first; n < first + count; n++)
      if (!found.has(n)) throw new Error(`record ${n} of ${path} is whole, and lost`);
  }
  const lines = await within(() => journal.ledger({ limit: 100_000 }));
  if (lines) {
    const texts = lines.map(textOf);
    const end = truth.lines.slice(truth.lines.length - texts.length);
    if (texts.length > truth.lines.length || texts.some((text, i) => text !== end[i]))
      throw new Error('the ledger tells something else');
  }
  const at = await journal.append([{ case: 'started', value: { bootId: 'after' } }]);
  if (at !== journal.head.sequence) throw new Error('it does not go on');
  if (!(await journal.verify()).ok && verified?.ok) throw new Error('opening a sound journal broke it');
  await journal.close();
  await (await open(disk.kill())).close();
}

/** What it gives, or undefined for a clear error. Throws when it takes too long or too much, or fails in another way. */
async function within<T>(run: () => Promise<T>): Promise<T | undefined> {
  const [began, before] = [cpuMs(), process.memoryUsage().arrayBuffers];
  const result = await run().catch((error: unknown) => {
    if (!(error instanceof AppError) || !REASONS.includes(error.reason)) throw error;
    if (/\{\w+\}/.test(error.message)) throw new Error(`unclear: ${error.message}`);
    return undefined;
  });
  const took = cpuMs() - began;
  if (took > MOST_MS) throw new Error(`${Math.round(took)} ms of the processor`);
  const bytes = process.memoryUsage().arrayBuffers - before;
  if (bytes > MOST_BYTES) throw new Error(`${bytes} bytes of memory`);
  return result;
}

const open = (fs: MemoryFs, log: Logger = silentLogger): Promise<EdgeJournal> =>
  openEdgeJournal(DIR, { clock: new ManualClock(), log, onFatal: () => {}, fs, segmentBytes: 2500, stepBytes: 512 });

async function* raw(journal: EdgeJournal): AsyncGenerator<{ sequence: number; bytes: string }> {
  for await (const { sequence, at, record } of journal.entries()) {
    const message = create(JournalRecordSchema, { writeTime: timestampFromMs(at), record });
    yield { sequence, bytes: Buffer.from(toBinary(JournalRecordSchema, message)).toString('base64') };
  }
}

const textOf = ({ sequence, line, egress }: LedgerLine): string =>
  `${sequence}.${line} ${egress.field} ${egress.path.length} ${egress.bytes}`;

/** Where the batches of a sound segment stand. */
function batchesOf(path: string, bytes: Buffer): Batch[] {
  const found: Batch[] = [];
  const salt = bytes.subarray(68, 84);
  for (let from = SEGMENT_HEADER_BYTES; ; ) {
    const header = decodeBatchHeader(bytes, from, salt);
    if (!header) return found;
    const to = from + BATCH_HEADER_BYTES + header.payloadBytes + 4;
    found.push({ path, from, to, first: header.firstSequence, count: header.count });
    from = to;
  }
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);

/** Another file of the same folder, or a new one. */
function other(disk: MemoryFs, path: string, random: Random): string {
  const others = disk.paths().filter((one) => one !== path);
  return others.length > 0 && random.chance(0.7) ? random.pick(others) : folderOf(path) + segmentName(random.int(300));
}

async function put(disk: MemoryFs, path: string, bytes: Uint8Array): Promise<void> {
  const copy = Uint8Array.from(bytes);
  const file = await disk.open(path, 'create');
  if (copy.length > 0) await file.write(copy, 0);
}
