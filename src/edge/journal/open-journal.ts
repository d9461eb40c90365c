// Opens or begins a journal: checks everything, cuts off a torn end, makes sure that what it read is on the disk.
// The caller holds the lock of the home folder; nothing here guards against a second process.
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'uuid';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import { isDiskFull } from '../../base/system-code.ts';
import { genesisHead, sameHead } from '../../contract/integrity/hash-chain.ts';
import type { FsFile, FsPort } from './fs-port.ts';
import { Journal } from './journal.ts';
import { type ChainHead, type CurrentSegment, type JournalLimits, MAX_RECORD_BYTES } from './journal-types.ts';
import { nodeFs } from './node-fs.ts';
import {
  journalDamaged,
  type Scan,
  type Segment,
  type StoredRecord,
  scanJournal,
  type TornEnd,
} from './scan-journal.ts';
import {
  asideName,
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentName,
} from './segment-format.ts';
import { journalFailed, SegmentWriter } from './segment-writer.ts';

const UNBOUND = new Uint8Array(32);
/** All segments together, where nothing else is said. */
export const DEFAULT_JOURNAL_BYTES = 32 << 20;
const TEMPORARY = 'segment.tmp';
/** Bytes that are copied at once. */
const STEP = 256 << 10;

export interface OpenJournalOptions extends Partial<JournalLimits> {
  readonly clock: Clock;
  readonly log: Logger;
  /** The process must end: a sync failed, so memory and disk may differ. Called once. */
  readonly onFatal: (error: AppError) => void;
  /**
   * Sees every record once, in order: at opening those that are there, later each one when it is synced, before its append
   * resolves. Bytes are a view for the time of the call. What it throws at opening stops the opening; later it is fatal.
   */
  readonly onRecord?: (record: StoredRecord) => void;
  /** 32 bytes that name the tenant and control plane; left out while there is none. */
  readonly binding?: Uint8Array;
  /** 16 bytes: the id of a journal that begins, and the only one that is opened. Left out: one of chance. */
  readonly id?: Uint8Array;
  /** Reads only the newest segment to its end; of the others it believes the headers until they are read or verified. */
  readonly newestOnly?: boolean;
  readonly fs?: FsPort;
}

/**
 * Opens the journal in `dir`, or begins one. Defaults: segments of 4 MiB, 32 MiB in all, 8 MiB waiting, 256 KiB steps.
 * @throws JOURNAL_DAMAGED (file and offset), JOURNAL_NEWER, JOURNAL_FOREIGN (bound to another control plane), DISK_FULL
 */
export async function openJournal(dir: string, options: OpenJournalOptions): Promise<Journal> {
  const fs = options.fs ?? nodeFs;
  const limits: JournalLimits = {
    segmentBytes: options.segmentBytes ?? 4 << 20,
    maxBytes: options.maxBytes ?? DEFAULT_JOURNAL_BYTES,
    spareBytes: options.spareBytes ?? 0,
    queueBytes: options.queueBytes ?? 8 << 20,
    recordBytes: options.recordBytes ?? MAX_RECORD_BYTES,
    stepBytes: options.stepBytes ?? 256 << 10,
  };
  await fs.mkdir(dir);
  await fs.unlink(join(dir, TEMPORARY));
  const scan = await scanJournal(fs, dir, options.onRecord, { newestOnly: options.newestOnly ?? false });
  const last = scan.segments.at(-1);
  const id = last?.header.id ?? options.id ?? parse(newId());
  if (last && options.id && !sameHead(id, options.id))
    throw journalDamaged({ file: last.name, offset: 0, problem: 'the segment belongs to another journal' });
  const head = scan.head ?? { sequence: 0, hash: genesisHead(id) };
  const binding = options.binding ?? last?.header.binding ?? UNBOUND;
  checkBinding(last?.header, binding);

  const create = async (at: ChainHead, bytes: number): Promise<CurrentSegment | undefined> => {
    const header: SegmentHeader = {
      id,
      firstSequence: at.sequence + 1,
      previousHead: at.hash,
      salt: randomBytes(16),
      createdAt: options.clock.now(),
      binding,
    };
    return createSegment(fs, dir, header, bytes, limits.stepBytes);
  };
  const { closed, current } = await prepare(fs, dir, scan, head, binding, create, options.log);
  return new Journal({
    id: stringify(id),
    dir,
    fs,
    log: options.log,
    limits,
    onFatal: options.onFatal,
    onRecord: options.onRecord ?? (() => {}),
    closed,
    current,
    head,
    createSegment: create,
  });
}

/** The newest segment ready for writing: the last one repaired and synced, or a new one. */
async function prepare(
  fs: FsPort,
  dir: string,
  scan: Scan,
  head: ChainHead,
  binding: Uint8Array,
  create: (at: ChainHead, bytes: number) => Promise<CurrentSegment | undefined>,
  log: Logger,
): Promise<{ closed: Segment[]; current: CurrentSegment }> {
  const last = scan.segments.at(-1);
  if (last) {
    const current = await reopen(fs, dir, last, scan.torn, log);
    if (sameHead(last.header.binding, binding)) return { closed: scan.segments.slice(0, -1), current };
    // Bound for the first time: only a new segment can say so.
    if (last.end > SEGMENT_HEADER_BYTES) {
      await current.writer.file.close();
      const next = await create(head, 0);
      if (!next) throw new AppError('DISK_FULL', { what: 'the journal' });
      return { closed: [...scan.segments], current: next };
    }
    await current.writer.file.close();
  } else {
    await fs.syncDir(dirname(dir));
  }
  const current = await create(head, 0);
  if (!current) throw new AppError('DISK_FULL', { what: 'the journal' });
  return { closed: scan.segments.slice(0, -1), current };
}

async function reopen(
  fs: FsPort,
  dir: string,
  last: Segment,
  torn: TornEnd | undefined,
  log: Logger,
): Promise<CurrentSegment> {
  const file = await fs.open(join(dir, last.name), 'write');
  try {
    let size = last.size;
    if (torn) {
      const { cut, ...where } = torn;
      if (cut) log.warn(`the journal ended in a write of which bytes are missing; it is removed. ${JUDGED}`, where);
      else {
        const aside = join(dir, await keepAside(fs, dir, file, torn));
        log.warn(`the last write of the journal is damaged; it is taken out and kept aside. ${JUDGED}`, {
          ...where,
          aside,
        });
      }
      await file.truncate(last.end);
      size = last.end;
    }
    // What was read may so far stand in memory only, if the last process died between write and sync.
    await file.datasync();
    await fs.syncDir(dir);
    return { name: last.name, header: last.header, writer: new SegmentWriter(file, last.end, size) };
  } catch (error) {
    await file.close();
    throw journalFailed('the journal could not be repaired', error);
  }
}

/** What is said of a last write that goes. Its records were acknowledged to nobody if a crash cut it, which is not known here. */
const JUDGED = 'If it was acknowledged, the control plane will say so at the next connection';

/** Copies a damaged end into a file beside its segment, durably. */
async function keepAside(fs: FsPort, dir: string, segment: FsFile, { file, offset, bytes }: TornEnd): Promise<string> {
  const name = asideName(file, offset);
  const copy = await fs.open(join(dir, name), 'create');
  try {
    const buffer = Buffer.alloc(Math.min(bytes, STEP));
    for (let at = 0; at < bytes; ) {
      const read = await segment.read(buffer.subarray(0, Math.min(STEP, bytes - at)), offset + at);
      if (read === 0) break;
      for (let done = 0; done < read; ) done += await copy.write(buffer.subarray(done, read), at + done);
      at += read;
    }
    await copy.datasync();
  } finally {
    await copy.close();
  }
  await fs.syncDir(dir);
  return name;
}

/** Written under another name and renamed when whole and synced, so that a segment always has a valid header. */
async function createSegment(
  fs: FsPort,
  dir: string,
  header: SegmentHeader,
  bytes: number,
  step: number,
): Promise<CurrentSegment | undefined> {
  const path = join(dir, TEMPORARY);
  const name = segmentName(header.firstSequence);
  const file = await fs.open(path, 'create');
  const writer = new SegmentWriter(file, 0, 0);
  const give = async () => {
    await file.close();
    await fs.unlink(path);
    return undefined;
  };
  try {
    if (!(await writer.allocate(SEGMENT_HEADER_BYTES + bytes, step))) return give();
    await writer.append(encodeSegmentHeader(header));
  } catch (error) {
    if (error instanceof AppError && error.reason === 'DISK_FULL') return give();
    await file.close();
    if (isDiskFull(error)) return give();
    throw error;
  }
  try {
    await fs.rename(path, join(dir, name));
    await fs.syncDir(dir);
  } catch (error) {
    throw journalFailed('a new segment could not be made durable', error);
  }
  return { name, header, writer };
}

function checkBinding(header: SegmentHeader | undefined, binding: Uint8Array): void {
  if (!header || sameHead(header.binding, UNBOUND) || sameHead(header.binding, binding)) return;
  throw new AppError('JOURNAL_FOREIGN');
}
