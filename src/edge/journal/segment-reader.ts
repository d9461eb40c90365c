// Reads one segment through a small window and judges its tail. It only reads; recovery and repair are elsewhere.
import { nextHead, sameHead } from '../../contract/integrity/hash-chain.ts';
import type { FsFile } from './fs-port.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  decodeBatchHeader,
  decodePayload,
  type SegmentHeader,
} from './segment-format.ts';

/** Bytes read at once; a longer batch is read whole. */
const WINDOW_BYTES = 128 << 10;
/** No batch is longer, on writing and on reading. */
export const MAX_BATCH_BYTES = 2 << 20;
/** A disk writes so many bytes or none of them. */
const SECTOR_BYTES = 512;
const CRC_BYTES = 4;
const MAGIC = Buffer.alloc(4);
MAGIC.writeUInt32BE(BATCH_MAGIC);

/** Where a reader stands: the next batch begins at `offset`, with record `sequence + 1`, chained to `head`. */
export interface Position {
  readonly offset: number;
  readonly sequence: number;
  readonly head: Uint8Array;
}

/** A valid batch. `records` and `heads` (after each record) are of equal length; records are views until the next read. */
export interface Batch {
  readonly firstSequence: number;
  readonly records: readonly Uint8Array[];
  readonly heads: readonly Uint8Array[];
  readonly next: Position;
}

/**
 * What stands at an offset that is not a valid batch. `zeros`: the clean end. `torn`: the last write, which is not valid; `cut` when
 * bytes of it are missing, as a crash leaves it, else all of it is there and a part is wrong. `damaged`: something valid follows or the
 * batch is whole but breaks the chain; never accept.
 */
export type Tail =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'torn'; readonly cut: boolean; readonly bytes: number }
  | { readonly kind: 'damaged'; readonly problem: string };

export class SegmentReader {
  readonly #file: FsFile;
  readonly #salt: Uint8Array;
  /** Nothing at or behind this offset is looked at. */
  readonly limit: number;
  #window: Buffer = Buffer.alloc(0);
  #start = 0;
  #buffer: Buffer | undefined;

  constructor(file: FsFile, header: Pick<SegmentHeader, 'salt'>, limit: number) {
    this.#file = file;
    this.#salt = header.salt;
    this.limit = limit;
  }

  /** The batch at the position, or what stands there instead. */
  async next(at: Position): Promise<Batch | Tail> {
    const head = await this.#bytes(at.offset, BATCH_HEADER_BYTES);
    const header = decodeBatchHeader(head, 0, this.#salt);
    const total = header && BATCH_HEADER_BYTES + header.payloadBytes + 4;
    if (!header || !total || total > MAX_BATCH_BYTES) return this.#tail(at);
    const bytes = await this.#bytes(at.offset, total);
    const payload = bytes.length === total ? decodePayload(header, bytes.subarray(BATCH_HEADER_BYTES)) : undefined;
    if (!payload) return this.#tail(at, total);
    if (header.firstSequence !== at.sequence + 1) {
      return damaged(`record ${header.firstSequence} stands where ${at.sequence + 1} should`);
    }
    const heads: Uint8Array[] = [];
    let last = at.head;
    for (const record of payload.records) {
      last = nextHead(last, record);
      heads.push(last);
    }
    if (!sameHead(last, payload.head)) return damaged('the hash chain does not match the records');
    const next = { offset: at.offset + total, sequence: at.sequence + header.count, head: last };
    return { firstSequence: header.firstSequence, records: payload.records, heads, next };
  }

  /**
   * Moves over batches that end before `sequence` without checking their payloads, so that reading from the middle is
   * cheap. Returns the position of the batch that holds it; stops early at anything that is not a valid header.
   */
  async seek(from: Position, sequence: number): Promise<Position> {
    let at = from;
    for (;;) {
      const header = decodeBatchHeader(await this.#bytes(at.offset, BATCH_HEADER_BYTES), 0, this.#salt);
      if (!header || header.firstSequence !== at.sequence + 1 || header.firstSequence + header.count > sequence)
        return at;
      const end = at.offset + BATCH_HEADER_BYTES + header.payloadBytes;
      const head = Buffer.from(await this.#bytes(end - at.head.length, at.head.length));
      at = { offset: end + 4, sequence: at.sequence + header.count, head };
    }
  }

  /** @param total length of the batch, where its header is valid */
  async #tail(at: Position, total = 0): Promise<Tail> {
    let end = at.offset;
    for (let offset = at.offset; offset < this.limit; ) {
      const bytes = await this.#bytes(offset, Math.min(WINDOW_BYTES, this.limit - offset));
      const last = bytes.findLastIndex((byte) => byte !== 0);
      if (last >= 0) end = offset + last + 1;
      for (let found = bytes.indexOf(MAGIC); found >= 0; found = bytes.indexOf(MAGIC, found + 1)) {
        const header = decodeBatchHeader(bytes, found, this.#salt);
        if (header && header.firstSequence > at.sequence + 1) {
          return damaged(
            `record ${header.firstSequence} follows at offset ${offset + found}, so this is not the torn end`,
          );
        }
      }
      if (bytes.length <= BATCH_HEADER_BYTES) break;
      offset += bytes.length - BATCH_HEADER_BYTES + 1;
    }
    if (end === at.offset) return { kind: 'zeros' };
    const whole = total > 0 ? at.offset + total : Math.max(end, at.offset + BATCH_HEADER_BYTES);
    return { kind: 'torn', cut: await this.#cut(at.offset, end, whole), bytes: end - at.offset };
  }

  /** Whether bytes of a write are missing: behind the file, its checksum, or a sector of it. @param end behind its last byte that is no zero */
  async #cut(offset: number, end: number, whole: number): Promise<boolean> {
    if (whole > this.limit || end <= whole - CRC_BYTES) return true;
    const until = Math.min(whole, offset + MAX_BATCH_BYTES);
    for (let from = offset; from < until; ) {
      const next = Math.min(from - (from % SECTOR_BYTES) + SECTOR_BYTES, until);
      if ((await this.#bytes(from, next - from)).every((byte) => byte === 0)) return true;
      from = next;
    }
    return false;
  }

  /** A view of up to `length` bytes at `offset`; fewer at the limit. Valid until the next call. */
  async #bytes(offset: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, this.limit - offset));
    const inside = offset - this.#start;
    if (inside < 0 || inside + wanted > this.#window.length) {
      const size = Math.max(0, Math.min(Math.max(wanted, WINDOW_BYTES), this.limit - offset));
      if (!this.#buffer || this.#buffer.length < size) this.#buffer = Buffer.allocUnsafeSlow(size);
      const read = await this.#file.read(this.#buffer.subarray(0, size), offset);
      this.#window = this.#buffer.subarray(0, read);
      this.#start = offset;
      return this.#window.subarray(0, wanted);
    }
    return this.#window.subarray(inside, inside + wanted);
  }
}

function damaged(problem: string): Tail {
  return { kind: 'damaged', problem };
}
