// Messages that are larger than the listener takes, however they come: told with limit and setting instead of by the words
// of the library alone.
import { Code, ConnectError } from '@connectrpc/connect';
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { toConnectError } from '../../contract/errors.ts';
import { measureUnpacked } from '../../contract/measured-body.ts';

/** How the library says it. */
const SIZE = /^message size (\d+) is larger than configured readMaxBytes (\d+)$/;
const ANY_SIZE = /larger than configured readMaxBytes (\d+)/;

/** What the library threw for a message that is too large, as an error of ours; undefined for anything else. */
export function tooLarge(error: unknown): AppError | undefined {
  if (!(error instanceof ConnectError) || error.code !== Code.ResourceExhausted) return undefined;
  const [, bytes, limit] = SIZE.exec(error.rawMessage) ?? [];
  const most = limit ?? ANY_SIZE.exec(error.rawMessage)?.[1];
  return most === undefined ? undefined : overLimit(bytes, most, error);
}

/** A frame of a session that is larger than the listener takes. */
export function sessionFrameTooLarge(bytes: number, most: number, isHello: boolean): AppError {
  if (!isHello) return overLimit(bytes, most);
  return fixedLimit(`a first frame of ${bytes} bytes`, `${most} bytes`, 'send a smaller hello');
}

/** What a method that needs no credential may be sent, after decompression; its messages are far smaller. */
export const OPEN_BYTES = 64 << 10;

function overLimit(bytes: string | number | undefined, limit: string | number, cause?: unknown): AppError {
  const what = bytes === undefined ? 'a message' : `a message of ${bytes} bytes`;
  if (Number(limit) === OPEN_BYTES) return new AppError('OPEN_CALL_TOO_LARGE', { what, limit }, { cause });
  return new AppError(
    'LIMIT_EXCEEDED',
    { what, limit: `${limit} bytes`, setting: 'BOWLINE_MAX_FRAME_BYTES' },
    { cause },
  );
}

/** As the library's, with errors of ours. */
export const compressions = [compressionGzip, compressionBrotli].map((known) => ({
  ...known,
  decompress: (bytes: Uint8Array, most: number) =>
    known.decompress(bytes, most).then(
      (unpacked) => {
        measureUnpacked(unpacked);
        return unpacked;
      },
      (error: unknown) => {
        const own = tooLarge(error);
        throw own ? toConnectError(own) : error;
      },
    ),
}));

export interface BodyBounds {
  readonly most: number;
  /** Whether five bytes before the message say how long it is (all but single messages of Connect). */
  readonly enveloped: boolean;
  /** Milliseconds until it must have ended. */
  readonly ms: number;
  readonly clock: Clock;
}

/**
 * The body of a call with one request, which the library reads before anything of ours is asked: refused with an error of ours
 * as soon as its size is known, and when it does not end in time.
 */
export async function* boundedBody(
  body: AsyncIterable<Uint8Array>,
  { most, enveloped, ms, clock }: BodyBounds,
): AsyncGenerator<Uint8Array> {
  let read = 0;
  const head: number[] = [];
  let stop = () => {};
  const late = new Promise<never>((_resolve, reject) => {
    const error = new AppError('DEADLINE_EXCEEDED', { after: `${ms} ms without the end of the request` });
    stop = clock.after(ms, () => reject(toConnectError(error)));
  });
  late.catch(() => {});
  // Not a loop over the body: leaving one would wait for the rest of what is refused.
  const pieces = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value: piece } = await Promise.race([pieces.next(), late]);
      if (done) return;
      if (enveloped && head.length < 5) {
        head.push(...piece.subarray(0, 5 - head.length));
        const size = head.length === 5 ? Buffer.from(head).readUInt32BE(1) : 0;
        if (size > most) throw toConnectError(overLimit(size, most));
      }
      read += piece.length;
      if (read > most + (enveloped ? ENVELOPES : 0)) throw toConnectError(overLimit(undefined, most));
      yield piece;
    }
  } finally {
    stop();
  }
}

/** What may stand around one message: its head, and an empty one behind it. */
const ENVELOPES = 1 << 10;

/** In place of the body of a call that is refused before anything of it is read. */
// biome-ignore lint/correctness/useYield: it ends before it gives anything
export async function* refusedBody(error: AppError): AsyncGenerator<Uint8Array> {
  throw toConnectError(error);
}
