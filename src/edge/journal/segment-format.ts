// The bytes of a segment file: one header, then batches, then zeros that were allocated ahead. Pure; reads no file.
//
// Segment header: magic 8 | version u32 | journal id 16 | first sequence u64 | previous head 32 | salt 16 | created ms
//   u64 | binding 32 | CRC-32C u32. Batch: magic u32 | first sequence u64 | records u32 | payload length u32 | CRC-32C of
//   salt and header u32 | payload = (length u32 | bytes)* and the head after it 32 | CRC-32C of header CRC and payload u32.
// Big-endian. The random salt keeps record bytes from ever looking like a batch header, whoever chose them.

import { crc32c } from '../../base/crc32c.ts';
import { HEAD_BYTES } from '../../contract/integrity/hash-chain.ts';

export const SEGMENT_HEADER_BYTES = 128;
export const BATCH_HEADER_BYTES = 24;
/** Bytes of a batch beside its records: header, head and payload checksum. */
export const BATCH_OVERHEAD = BATCH_HEADER_BYTES + HEAD_BYTES + 4;
/** Bytes of a record beside its own. */
export const RECORD_OVERHEAD = 4;
export const BATCH_MAGIC = 0xb0713a7c;
const SEGMENT_MAGIC = Buffer.from('BOWLJRNL', 'latin1');
const VERSION = 1;

/** What every segment says of itself. */
export interface SegmentHeader {
  /** The journal's id, 16 bytes. */
  readonly id: Uint8Array;
  readonly firstSequence: number;
  /** The head before the first record of this segment. */
  readonly previousHead: Uint8Array;
  /** 16 random bytes. */
  readonly salt: Uint8Array;
  readonly createdAt: number;
  /** 32 bytes that name the tenant and control plane, zeros while there is none. */
  readonly binding: Uint8Array;
}

export interface BatchHeader {
  readonly firstSequence: number;
  readonly count: number;
  readonly payloadBytes: number;
  /** Seed of the payload's checksum. */
  readonly crc: number;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const out = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(out, 0);
  out.writeUInt32BE(VERSION, 8);
  out.set(header.id, 12);
  out.writeBigUInt64BE(BigInt(header.firstSequence), 28);
  out.set(header.previousHead, 36);
  out.set(header.salt, 68);
  out.writeBigUInt64BE(BigInt(header.createdAt), 84);
  out.set(header.binding, 92);
  out.writeUInt32BE(crc32c(out.subarray(0, 124)), 124);
  return out;
}

/** Undefined when the bytes are not a whole, valid header; 'newer' when a later version wrote it. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | 'newer' | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, 8).equals(SEGMENT_MAGIC)) return undefined;
  // The checksum first: every version has it there, and a flipped bit of the version is damage.
  if (crc32c(bytes.subarray(0, 124)) !== bytes.readUInt32BE(124)) return undefined;
  const version = bytes.readUInt32BE(8);
  if (version !== VERSION) return version > VERSION ? 'newer' : undefined;
  return {
    id: copy(bytes, 12, 28),
    firstSequence: Number(bytes.readBigUInt64BE(28)),
    previousHead: copy(bytes, 36, 68),
    salt: copy(bytes, 68, 84),
    createdAt: Number(bytes.readBigUInt64BE(84)),
    binding: copy(bytes, 92, 124),
  };
}

/** Bytes that a batch of these records takes in the file. */
export function batchBytes(records: readonly Uint8Array[]): number {
  let total = BATCH_OVERHEAD;
  for (const record of records) total += RECORD_OVERHEAD + record.length;
  return total;
}

/** One batch as it is written in one call. `head` is the head after its last record. */
export function encodeBatch(salt: Uint8Array, first: number, records: readonly Uint8Array[], head: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(batchBytes(records));
  out.writeUInt32BE(BATCH_MAGIC, 0);
  out.writeBigUInt64BE(BigInt(first), 4);
  out.writeUInt32BE(records.length, 12);
  out.writeUInt32BE(out.length - BATCH_HEADER_BYTES - 4, 16);
  const crc = crc32c(out.subarray(0, 20), crc32c(salt));
  out.writeUInt32BE(crc, 20);
  let at = BATCH_HEADER_BYTES;
  for (const record of records) {
    at = out.writeUInt32BE(record.length, at);
    out.set(record, at);
    at += record.length;
  }
  out.set(head, at);
  at += HEAD_BYTES;
  out.writeUInt32BE(crc32c(out.subarray(BATCH_HEADER_BYTES, at), crc), at);
  return out;
}

/** The batch header at `at`, or undefined when there is no valid one. */
export function decodeBatchHeader(bytes: Buffer, at: number, salt: Uint8Array): BatchHeader | undefined {
  if (at + BATCH_HEADER_BYTES > bytes.length || bytes.readUInt32BE(at) !== BATCH_MAGIC) return undefined;
  const crc = bytes.readUInt32BE(at + 20);
  if (crc32c(bytes.subarray(at, at + 20), crc32c(salt)) !== crc) return undefined;
  return {
    firstSequence: Number(bytes.readBigUInt64BE(at + 4)),
    count: bytes.readUInt32BE(at + 12),
    payloadBytes: bytes.readUInt32BE(at + 16),
    crc,
  };
}

/** Splits `payload` (with its checksum behind it); undefined when the checksum or a length is wrong. Records are views. */
export function decodePayload(header: BatchHeader, payload: Buffer): { records: Buffer[]; head: Buffer } | undefined {
  const end = header.payloadBytes - HEAD_BYTES;
  if (end < 0 || payload.length < header.payloadBytes + 4) return undefined;
  if (crc32c(payload.subarray(0, header.payloadBytes), header.crc) !== payload.readUInt32BE(header.payloadBytes)) {
    return undefined;
  }
  const records: Buffer[] = [];
  let at = 0;
  while (at + RECORD_OVERHEAD <= end) {
    const length = payload.readUInt32BE(at);
    at += RECORD_OVERHEAD;
    if (at + length > end) return undefined;
    records.push(payload.subarray(at, at + length));
    at += length;
  }
  if (at !== end || records.length !== header.count) return undefined;
  return { records, head: payload.subarray(end, end + HEAD_BYTES) };
}

/** `<first sequence in 16 digits>.seg`: the order of names is the order of segments. */
export function segmentName(firstSequence: number): string {
  return `${String(firstSequence).padStart(16, '0')}.seg`;
}

/** `<segment>.<offset>.damaged`: where a damaged end of a segment is kept. */
export const asideName = (segment: string, offset: number): string => `${segment}.${offset}.damaged`;

/** Whether a folder entry is a damaged end that was kept. */
export const isAsideName = (name: string): boolean => /^\d{16}\.seg\.\d{1,16}\.damaged$/.test(name);

/** Whether a folder entry is a segment. */
export function isSegmentName(name: string): boolean {
  return /^\d{16}\.seg$/.test(name);
}

function copy(bytes: Buffer, from: number, to: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, from, to);
}
