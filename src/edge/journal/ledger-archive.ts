// The archive of the ledger: the lines of what was pruned from the journal, in a chain of segments of its own beside the
// journal's. Lines come in when their records are about to go, and go only by the owner's choice.
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { parse } from 'uuid';
import {
  type ArchivedLedger,
  ArchivedLedgerSchema,
  type ArchivedLines,
  ArchivedLinesSchema,
  type ArchivePosition,
  ArchivePositionSchema,
} from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { AppError, retold } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { systemCode } from '../../base/system-code.ts';
import { sameHead } from '../../contract/integrity/hash-chain.ts';
import type { FsPort } from './fs-port.ts';
import type { Journal } from './journal.ts';
import { type ChainHead, MAX_RECORD_BYTES } from './journal-types.ts';
import { egressOf, type LedgerLine, placed } from './ledger-lines.ts';
import { nodeFs } from './node-fs.ts';
import { type OpenJournalOptions, openJournal } from './open-journal.ts';
import { decodeRecord } from './records.ts';
import type { StoredRecord } from './scan-journal.ts';
import { isSegmentName } from './segment-format.ts';
import type { Verification } from './verify-journal.ts';

/** Folder of the archive in that of its journal. */
export const ARCHIVE_FOLDER = 'ledger';

/** What happens when the archive holds as much as it may: nothing more is pruned, or its oldest segments go. */
export type WhenFull = 'refuse' | 'drop_oldest';

export interface ArchiveOptions extends Pick<OpenJournalOptions, 'clock' | 'log' | 'onFatal' | 'fs' | 'segmentBytes'> {
  /** All its segments together. */
  readonly maxBytes: number;
  readonly whenFull: WhenFull;
}

/** Lines are written down in records of about this size. */
const STRETCH_BYTES = 256 << 10;
const STEP_BYTES = 64 << 10;

/** The archive of the journal in `journalDir`; it begins when something is first added. @throws JOURNAL_DAMAGED, JOURNAL_NEWER */
export async function openLedgerArchive(
  journalDir: string,
  id: string,
  options: ArchiveOptions,
): Promise<LedgerArchive> {
  const archive = new LedgerArchive(join(journalDir, ARCHIVE_FOLDER), archiveId(id), options);
  if (await hasArchive(options.fs ?? nodeFs, journalDir)) await archive.open();
  return archive;
}

/** Whether the journal in `journalDir` has an archive. */
export async function hasArchive(fs: FsPort, journalDir: string): Promise<boolean> {
  try {
    return (await fs.list(join(journalDir, ARCHIVE_FOLDER))).some(isSegmentName);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

export class LedgerArchive {
  readonly #dir: string;
  readonly #id: Uint8Array;
  readonly #options: ArchiveOptions;
  readonly #log: Logger;
  #journal: Journal | undefined;
  #last: ArchivedLedger | undefined;
  #warned = false;
  /** First record of the journal that a segment is about, by the segment's first record. */
  readonly #starts = new Map<number, number>();

  constructor(dir: string, id: Uint8Array, options: ArchiveOptions) {
    this.#dir = dir;
    this.#id = id;
    this.#options = options;
    this.#log = options.log;
  }

  /** Opens what is there, or begins it. */
  async open(): Promise<Journal> {
    if (this.#journal) return this.#journal;
    const { clock, log, onFatal, fs, segmentBytes, maxBytes } = this.#options;
    const journal = await named(
      openJournal(this.#dir, {
        clock,
        log,
        onFatal,
        ...(fs && { fs }),
        ...(segmentBytes && { segmentBytes }),
        maxBytes,
        stepBytes: STEP_BYTES,
        // A record of the journal with nothing but lines fits into one of the archive.
        recordBytes: MAX_RECORD_BYTES + 1024,
        id: this.#id,
        newestOnly: true,
      }),
    );
    this.#journal = journal;
    if (journal.head.sequence > journal.base.sequence) this.#last = await this.#at(journal.head.sequence);
    return journal;
  }

  /** The last record of the journal whose lines it holds; 0 before any. */
  get through(): number {
    return Number(this.#last?.lastSequence ?? 0);
  }

  /** Where it stands; undefined while it holds nothing. */
  get position(): ArchivePosition | undefined {
    const [journal, last] = [this.#journal, this.#last];
    if (!journal || !last) return undefined;
    const { sequence, hash: archiveHeadSha256 } = journal.head;
    const { lastSequence, lines, bytes, droppedLines, droppedBytes } = last;
    return create(ArchivePositionSchema, {
      archiveSequence: BigInt(sequence),
      archiveHeadSha256,
      sequence: lastSequence,
      lines,
      bytes,
      droppedLines,
      droppedBytes,
    });
  }

  /** Bytes of its segments. */
  get bytes(): number {
    return this.#journal?.bytes ?? 0;
  }

  /**
   * Whether it is the archive of exactly this journal, and holds what the journal's newest checkpoint says.
   * @throws JOURNAL_DAMAGED
   */
  async check(source: Pick<Journal, 'base' | 'head' | 'hashAt'>, told: ArchivePosition | undefined): Promise<void> {
    const [journal, last] = [this.#journal, this.#last];
    if (!journal || !last) {
      if (told) throw archiveDamaged(`it is gone, and ${told.lines} lines with it`);
      return;
    }
    if (told && told.archiveSequence > last.droppedSequence) {
      const hash = await journal.hashAt(Number(told.archiveSequence));
      if (!hash)
        throw archiveDamaged(`its newest records are gone: a checkpoint tells of record ${told.archiveSequence}`);
      if (!sameHead(hash, told.archiveHeadSha256))
        throw archiveDamaged('it is not the one that the checkpoint tells of');
    }
    if (journal.base.sequence > Number(last.droppedSequence))
      throw archiveDamaged(`its records 1 to ${journal.base.sequence} are missing, and nobody chose to drop them`);
    if (this.through < source.base.sequence)
      throw archiveDamaged(`it ends at record ${this.through}, and the journal begins after ${source.base.sequence}`);
    if (this.through > source.head.sequence)
      throw archiveDamaged(`it tells of record ${this.through}, and the journal ends at ${source.head.sequence}`);
    const head = await source.hashAt(this.through);
    if (!head || !sameHead(head, last.journalHeadSha256))
      throw archiveDamaged('it belongs to another course of this journal');
  }

  /**
   * Takes in the lines of all records up to `cut`, each once; resolves when they are on the disk.
   * @throws LEDGER_FULL, DISK_FULL: what is not in it yet comes with the next call
   */
  async add(source: Pick<Journal, 'base' | 'read'>, cut: ChainHead): Promise<void> {
    const from = (this.#last ? this.through : source.base.sequence) + 1;
    if (from > cut.sequence) return;
    await this.open();
    let stretch = emptyStretch(from);
    for await (const { sequence, bytes, head } of source.read(from)) {
      const { at, record } = decodeRecord(sequence, bytes);
      const entries = [...egressOf(record)];
      const lines = create(ArchivedLinesSchema, {
        sequence: BigInt(sequence),
        writeTime: timestampFromMs(at),
        entries,
      });
      const size = entries.length > 0 ? toBinary(ArchivedLinesSchema, lines).length : 0;
      if (stretch.bytes > 0 && stretch.bytes + size > STRETCH_BYTES) {
        await this.#append(this.#following(stretch));
        stretch = emptyStretch(sequence);
      }
      if (size > 0) stretch.records.push(lines);
      stretch.bytes += size;
      stretch.end = { sequence, hash: Uint8Array.from(head) };
      if (sequence === cut.sequence) break;
    }
    await this.#append(this.#following(stretch));
    this.#warnOnce();
  }

  /** Pieces of the archive that hold lines of records up to `sequence`, newest first; the lines in each oldest first. */
  async *pieces(sequence: number): AsyncGenerator<AsyncIterable<LedgerLine>> {
    const journal = this.#journal;
    for (const { firstSequence, lastSequence } of [...(journal?.segments ?? [])].reverse()) {
      if (!journal || lastSequence < firstSequence) continue;
      if ((await this.#startOf(journal, firstSequence)) <= sequence)
        yield linesOf(journal, firstSequence, lastSequence);
    }
  }

  /** Reads and checks all of it. */
  async verify(onRecord: (record: StoredRecord) => void): Promise<Verification | undefined> {
    return this.#journal?.verify(onRecord);
  }

  async close(): Promise<void> {
    await this.#journal?.close();
  }

  /** The next record of the archive, with the totals of all that is in it then. */
  #following({ first, end, records }: Stretch): ArchivedLedger {
    const { lines = 0n, bytes = 0n, droppedSequence = 0n, droppedLines = 0n, droppedBytes = 0n } = this.#last ?? {};
    const entries = records.flatMap((record) => record.entries);
    return create(ArchivedLedgerSchema, {
      firstSequence: BigInt(first),
      lastSequence: BigInt(end.sequence),
      journalHeadSha256: end.hash,
      records,
      lines: lines + BigInt(entries.length),
      bytes: bytes + entries.reduce((sum, entry) => sum + entry.bytes, 0n),
      droppedSequence,
      droppedLines,
      droppedBytes,
    });
  }

  async #append(record: ArchivedLedger): Promise<void> {
    const journal = await this.open();
    const bytes = toBinary(ArchivedLedgerSchema, record);
    try {
      await journal.append([bytes]);
    } catch (error) {
      if (!(error instanceof AppError) || error.reason !== 'JOURNAL_FULL') throw error;
      if (this.#options.whenFull !== 'drop_oldest' || !(await this.#drop(journal)))
        throw new AppError('LEDGER_FULL', { folder: this.#dir, limit: this.#options.maxBytes }, { cause: error });
      const { droppedSequence, droppedLines, droppedBytes } = this.#last!;
      return this.#append({ ...record, droppedSequence, droppedLines, droppedBytes });
    }
    this.#last = record;
  }

  /** Drops the oldest segments, a quarter of the room, and writes down what went. False: there is nothing to drop. */
  async #drop(journal: Journal): Promise<boolean> {
    const last = this.#last;
    let before = 0;
    let freed = 0;
    for (const { sequence, bytes } of journal.cuts) {
      if (freed >= this.#options.maxBytes / 4) break;
      freed += bytes;
      before = sequence + 1;
    }
    const cut = journal.cut(before);
    if (!cut || !last) return false;
    const { lines: droppedLines, bytes: droppedBytes } = await this.#at(cut.sequence);
    const dropped = create(ArchivedLedgerSchema, {
      ...last,
      firstSequence: last.lastSequence + 1n,
      records: [],
      droppedSequence: BigInt(cut.sequence),
      droppedLines,
      droppedBytes,
    });
    await journal.prune(before, [toBinary(ArchivedLedgerSchema, dropped)]);
    this.#last = dropped;
    const lines = droppedLines - last.droppedLines;
    this.#log.warn('the archive of the ledger was full; its oldest lines were dropped, as ledger_full says', {
      lines: Number(lines),
    });
    return true;
  }

  async #at(sequence: number): Promise<ArchivedLedger> {
    for await (const { bytes } of this.#journal!.read(sequence)) return decodeArchived(sequence, bytes);
    throw archiveDamaged(`record ${sequence} is not there`);
  }

  async #startOf(journal: Journal, segment: number): Promise<number> {
    const known = this.#starts.get(segment);
    if (known !== undefined) return known;
    for await (const { bytes } of journal.read(segment)) {
      const start = Number(decodeArchived(segment, bytes).firstSequence);
      this.#starts.set(segment, start);
      return start;
    }
    return 0;
  }

  #warnOnce(): void {
    const { maxBytes, whenFull } = this.#options;
    if (this.#warned || this.bytes < maxBytes * 0.75) return;
    this.#warned = true;
    this.#log.warn(
      `the archive of the ledger is three quarters full; then ${whenFull === 'refuse' ? 'new work is refused' : 'its oldest lines go'}`,
      { folder: this.#dir, bytes: this.bytes, limit: maxBytes, setting: 'limits.ledger_bytes in config.yaml' },
    );
  }
}

/** Records of the journal that become one of the archive. */
interface Stretch {
  readonly first: number;
  readonly records: ArchivedLines[];
  bytes: number;
  end: ChainHead;
}

const emptyStretch = (first: number): Stretch => ({
  first,
  records: [],
  bytes: 0,
  end: { sequence: first - 1, hash: new Uint8Array() },
});

async function* linesOf(journal: Journal, first: number, last: number): AsyncGenerator<LedgerLine> {
  // The record behind the last one is looked at too: only then the end of a segment was checked.
  for await (const { sequence, bytes } of journal.read(first)) {
    if (sequence > last) return;
    for (const { sequence: own, writeTime, entries } of decodeArchived(sequence, bytes).records)
      yield* placed(Number(own), writeTime ? timestampMs(writeTime) : 0, entries);
  }
}

/** @throws JOURNAL_DAMAGED for bytes that are no record of an archive */
export function decodeArchived(sequence: number, bytes: Uint8Array): ArchivedLedger {
  try {
    return fromBinary(ArchivedLedgerSchema, bytes);
  } catch (cause) {
    throw archiveDamaged(`the bytes of its record ${sequence} are none`, cause);
  }
}

/** The error that stops a start. */
export function archiveDamaged(what: string, cause?: unknown): AppError {
  return new AppError(
    'JOURNAL_DAMAGED',
    { file: ARCHIVE_FOLDER, offset: 0, problem: `the archive of the ledger: ${what}` },
    { cause },
  );
}

/** An archive has an id of its own, made of its journal's: no segment of one can stand for one of the other. */
function archiveId(journal: string): Uint8Array {
  const id = hash('sha256', Buffer.concat([ARCHIVE_OF, parse(journal)]), 'buffer').subarray(0, 16);
  // A UUID of version 8: one that is made of something else.
  id[6] = (id[6]! & 0x0f) | 0x80;
  id[8] = (id[8]! & 0x3f) | 0x80;
  return id;
}

const ARCHIVE_OF = Buffer.from('bowline.ledger.v1\0', 'latin1');

/** Names of files begin with the folder of the archive. */
async function named<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof AppError) || error.metadata.file === undefined) throw error;
    throw retold(error, { file: `${ARCHIVE_FOLDER}/${error.metadata.file}` });
  }
}
