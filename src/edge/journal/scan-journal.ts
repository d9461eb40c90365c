// Walks all segments of a journal folder, checks every byte and the links between them. It changes nothing.
import { join } from 'node:path';
import { validate } from 'uuid';
import { AppError } from '../../base/errors.ts';
import { genesisHead, sameHead } from '../../contract/integrity/hash-chain.ts';
import type { FsFile, FsPort } from './fs-port.ts';
import {
  decodeSegmentHeader,
  isSegmentName,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentName,
} from './segment-format.ts';
import { type Position, SegmentReader } from './segment-reader.ts';

/** No journal is as long as this, and so no segment. */
const MAX_SEGMENT_BYTES = 2 ** 31;

/** A record as the journal hands it out. `head` is the chain's head after it. */
export interface StoredRecord {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly head: Uint8Array;
}

/** A segment that was read to its end. */
export interface Segment {
  readonly name: string;
  readonly header: SegmentHeader;
  /** Sequence of its last record; one less than `header.firstSequence` when it has none. */
  readonly lastSequence: number;
  /** Where its last batch ends; the next one goes here. */
  readonly end: number;
  /** Size of the file: `end`, or more when space was allocated ahead. */
  readonly size: number;
}

export interface Scan {
  readonly segments: readonly Segment[];
  readonly records: number;
  /** Sequence and hash of the last valid record. Undefined when there is no segment. */
  readonly head: { readonly sequence: number; readonly hash: Uint8Array } | undefined;
  /** A last write that is not valid, behind the last batch. */
  readonly torn: TornEnd | undefined;
}

/** `cut`: bytes of it are missing, as a crash leaves it. Else all of it is there and a part is wrong: whether it was acknowledged is not known. */
export interface TornEnd {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly cut: boolean;
}

/** The first thing that is wrong in a journal. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
  readonly problem: string;
}

/**
 * Reads everything in `dir`. `onRecord` sees every record once, in order; its bytes are a view for the time of the call.
 * @param options.limits where the live journal's last batch ends, per segment name, when it is being written at the same time
 * @param options.newestOnly of all segments but the newest only the header is read, and believed
 * @throws JOURNAL_DAMAGED with file and offset
 */
export async function scanJournal(
  fs: FsPort,
  dir: string,
  onRecord: (record: StoredRecord) => void = () => {},
  { limits, newestOnly = false }: { limits?: ReadonlyMap<string, number> | undefined; newestOnly?: boolean } = {},
): Promise<Scan> {
  const names = (await fs.list(dir)).filter(isSegmentName).sort();
  const segments: Segment[] = newestOnly ? await believe(fs, dir, names.splice(0, names.length - 1)) : [];
  let at: Omit<Position, 'offset'> | undefined;
  let torn: TornEnd | undefined;
  let records = 0;
  for (const name of names) {
    const file = await fs.open(join(dir, name), 'read');
    try {
      const size = Math.min(await file.size(), limits?.get(name) ?? Number.POSITIVE_INFINITY);
      if (size > MAX_SEGMENT_BYTES)
        throw journalDamaged({ file: name, offset: MAX_SEGMENT_BYTES, problem: 'the file is longer than any segment' });
      const header = await readSegmentHeader(file, name);
      if (!at) at = believed(segments, name, header);
      checkLink(name, header, segments.at(-1)?.header, at);
      const reader = new SegmentReader(file, header, size);
      let position: Position = {
        offset: SEGMENT_HEADER_BYTES,
        sequence: header.firstSequence - 1,
        head: header.previousHead,
      };
      for (;;) {
        const batch = await reader.next(position);
        if ('kind' in batch) {
          if (batch.kind === 'damaged')
            throw journalDamaged({ file: name, offset: position.offset, problem: batch.problem });
          if (batch.kind === 'torn') torn = { file: name, offset: position.offset, bytes: batch.bytes, cut: batch.cut };
          if (torn && name !== names.at(-1)) {
            throw journalDamaged({
              file: name,
              offset: position.offset,
              problem: 'a batch is not valid and later segments follow',
            });
          }
          break;
        }
        for (const [index, bytes] of batch.records.entries()) {
          onRecord({ sequence: batch.firstSequence + index, bytes, head: batch.heads[index]! });
        }
        records += batch.records.length;
        position = batch.next;
      }
      segments.push({ name, header, lastSequence: position.sequence, end: position.offset, size });
      at = position;
    } finally {
      await file.close();
    }
  }
  return { segments, records, head: at && { sequence: at.sequence, hash: at.head }, torn };
}

/** Segments by their headers alone, where a newer one follows. */
async function believe(fs: FsPort, dir: string, names: readonly string[]): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const name of names) {
    const file = await fs.open(join(dir, name), 'read');
    try {
      const [header, size] = [await readSegmentHeader(file, name), await file.size()];
      checkLink(name, header, segments.at(-1)?.header, believed(segments, name, header));
      segments.push({ name, header, lastSequence: header.firstSequence - 1, end: size, size });
    } finally {
      await file.close();
    }
  }
  return segments;
}

/** The newest of `segments` ends where the next one says that it begins. */
function believed(segments: Segment[], name: string, next: SegmentHeader): Omit<Position, 'offset'> | undefined {
  const last = segments.at(-1);
  if (!last) return undefined;
  if (next.firstSequence <= last.header.firstSequence)
    throw journalDamaged({ file: name, offset: 0, problem: 'it begins before the segment before it' });
  segments[segments.length - 1] = { ...last, lastSequence: next.firstSequence - 1 };
  return { sequence: next.firstSequence - 1, head: next.previousHead };
}

/** The header of a segment. @throws JOURNAL_DAMAGED when it is not valid, JOURNAL_NEWER when a later version wrote it */
export async function readSegmentHeader(file: FsFile, name: string): Promise<SegmentHeader> {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const header = decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)));
  if (header === 'newer') throw new AppError('JOURNAL_NEWER', { file: name });
  if (!header || !validate(uuidOf(header.id)))
    throw journalDamaged({ file: name, offset: 0, problem: 'the segment header is not valid' });
  return header;
}

/** The id as text, whatever its bytes are. */
const uuidOf = (id: Uint8Array): string =>
  Buffer.from(id)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

/** The error that stops a start. */
export function journalDamaged(damage: Damage): AppError {
  return new AppError('JOURNAL_DAMAGED', { ...damage });
}

function checkLink(
  name: string,
  header: SegmentHeader,
  before: SegmentHeader | undefined,
  at: Omit<Position, 'offset'> | undefined,
): void {
  const wrong = (problem: string) => journalDamaged({ file: name, offset: 0, problem });
  if (segmentName(header.firstSequence) !== name) throw wrong('the file name is not that of its first record');
  if (!before || !at) {
    const first = header.firstSequence === 1;
    if (first && !sameHead(header.previousHead, genesisHead(header.id)))
      throw wrong('the chain does not begin at its journal');
    return;
  }
  if (!sameHead(header.id, before.id)) throw wrong('the segment belongs to another journal');
  if (header.firstSequence !== at.sequence + 1) {
    throw wrong(`it begins with record ${header.firstSequence}, but ${at.sequence + 1} should follow`);
  }
  if (!sameHead(header.previousHead, at.head)) throw wrong('the hash chain does not match the segment before');
}
