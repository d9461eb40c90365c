// Reads the body of a response: decompresses it and counts what comes in and what comes out, so that neither an endless body nor a
// small one that becomes large takes more than its limit.
import { pipeline, type Readable, type Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';

/** Codings of one body; none has more than one. */
const MAX_CODINGS = 2;
/** Bytes at a time, so that a bomb is seen soon. */
const CHUNK = { chunkSize: 64 << 10 };
/** The largest window that RFC 9659 allows on the web: 8 MB. */
const ZSTD = { ...CHUNK, params: { [constants.ZSTD_d_windowLogMax]: 23 } };

/** What is asked for. */
export const ACCEPT_ENCODING = 'gzip, deflate, br, zstd';

/** A body that comes slower than this for so long is not waited for. */
export interface Slowest {
  readonly bytesPerSecond: number;
  readonly afterMs: number;
  readonly clock: Clock;
}

export interface BodyLimit {
  /** Bytes, both as they come and after decompression. */
  readonly bytes: number;
  /** Whether a longer body is cut there; otherwise it is an error. */
  readonly cut: boolean;
  readonly slow: Slowest;
}

/** Throws WEB_TOO_LARGE, WEB_TOO_SLOW, and WEB_ANSWER_INVALID for a body that is damaged. */
export async function readBody(body: Readable, encoding: string, limit: BodyLimit): Promise<Uint8Array> {
  const words = encoding.split(',', MAX_CODINGS + 3).map((name) => name.trim().toLowerCase());
  const codings = words.filter((name) => name !== '' && name !== 'identity');
  try {
    if (codings.length > MAX_CODINGS) throw damaged('it is packed too often');
    let source: AsyncIterable<Buffer> = counted(paced(body, limit.slow), limit);
    for (const coding of codings.reverse()) source = counted(unpacked(source, coding), limit);
    const pieces: Buffer[] = [];
    for await (const piece of source) pieces.push(piece);
    return Buffer.concat(pieces);
  } catch (error) {
    throw isZlibError(error) ? damaged('its compression is damaged', error) : error;
  } finally {
    body.destroy();
  }
}

async function* paced(source: AsyncIterable<Buffer>, { bytesPerSecond, afterMs, clock }: Slowest) {
  const start = clock.monotonic();
  let bytes = 0;
  for await (const piece of source) {
    bytes += piece.length;
    const ms = clock.monotonic() - start;
    if (ms >= afterMs && bytes < (bytesPerSecond * ms) / 1000) {
      throw new AppError('WEB_TOO_SLOW', {
        problem: `less than ${bytesPerSecond} bytes came in a second (BOWLINE_WEB_SLOW_BYTES)`,
      });
    }
    yield piece;
  }
}

async function* counted(source: AsyncIterable<Buffer>, { bytes, cut }: BodyLimit): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const piece of source) {
    if (piece.length > left && !cut) throw new AppError('WEB_TOO_LARGE', { limit: bytes });
    yield piece.subarray(0, left);
    left -= piece.length;
    if (left < 0) return;
  }
}

async function* unpacked(source: AsyncIterable<Buffer>, coding: string): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  // Some servers name a coding of a body that is empty.
  if (first.done) return;
  const through = unpacker(coding, first.value);
  const all = async function* () {
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  };
  // What happens to one of them happens to the other, and whoever reads hears of it.
  pipeline(all, through, () => {});
  yield* through as AsyncIterable<Buffer>;
}

function unpacker(coding: string, first: Buffer): Transform {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(CHUNK);
    case 'br':
      return createBrotliDecompress(CHUNK);
    case 'zstd':
      return createZstdDecompress(ZSTD);
    case 'deflate':
      // By its specification it is zlib's format, with many servers it is raw.
      return (first[0]! & 0x0f) === 8 ? createInflate(CHUNK) : createInflateRaw(CHUNK);
    default:
      throw damaged('it is packed in a way that was not asked for');
  }
}

function isZlibError(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof AppError || !('code' in error)) return false;
  return /^(?:Z_|ZSTD_|ERR_)/.test(String(error.code));
}

const damaged = (problem: string, cause?: unknown) =>
  new AppError('WEB_ANSWER_INVALID', { problem: `the body cannot be read, ${problem}` }, { cause });
