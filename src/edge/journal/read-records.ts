// Reads records from any sequence on. It sees only what was synced when it was called, and checks what it hands out.
import { join } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { systemCode } from '../../base/system-code.ts';
import { sameHead } from '../../contract/integrity/hash-chain.ts';
import type { FsFile, FsPort } from './fs-port.ts';
import { journalDamaged, type Segment, type StoredRecord } from './scan-journal.ts';
import { SEGMENT_HEADER_BYTES } from './segment-format.ts';
import { type Position, SegmentReader } from './segment-reader.ts';

/** Records from `from` to the end of the last segment; their bytes are the caller's. @throws JOURNAL_PRUNED, JOURNAL_DAMAGED */
export async function* readRecords(
  fs: FsPort,
  dir: string,
  segments: readonly Omit<Segment, 'size'>[],
  from: number,
): AsyncGenerator<StoredRecord, void, undefined> {
  const first = segments[0]?.header.firstSequence ?? 1;
  if (from < first) throw pruned(from, first);
  for (const [index, segment] of segments.entries()) {
    if (segment.lastSequence < from) continue;
    const file = await open(fs, join(dir, segment.name), from);
    try {
      const { header } = segment;
      const reader = new SegmentReader(file, header, segment.end);
      const start = { offset: SEGMENT_HEADER_BYTES, sequence: header.firstSequence - 1, head: header.previousHead };
      let at: Position = await reader.seek(start, from);
      while (at.sequence < segment.lastSequence) {
        const batch = await reader.next(at);
        if ('kind' in batch) {
          const problem = batch.kind === 'damaged' ? batch.problem : 'a batch is not valid';
          throw journalDamaged({ file: segment.name, offset: at.offset, problem });
        }
        at = batch.next;
        const records = batch.records.map((bytes) => Uint8Array.prototype.slice.call(bytes));
        for (const [place, bytes] of records.entries()) {
          const sequence = batch.firstSequence + place;
          if (sequence >= from) yield { sequence, bytes, head: batch.heads[place]! };
        }
      }
      const next = segments[index + 1];
      if (next && !sameHead(at.head, next.header.previousHead))
        throw journalDamaged({
          file: next.name,
          offset: 0,
          problem: 'the hash chain does not match the segment before',
        });
    } finally {
      await file.close();
    }
  }
}

async function open(fs: FsPort, path: string, from: number): Promise<FsFile> {
  try {
    return await fs.open(path, 'read');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw pruned(from, from + 1);
    throw error;
  }
}

function pruned(from: number, first: number): AppError {
  return new AppError('JOURNAL_PRUNED', { sequence: from, first });
}
