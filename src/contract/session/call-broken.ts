// What breaks the stream of a call, in the words and with the codes of the library, by which everything else judges it.
import { constants } from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import { AppError } from '../../base/errors.ts';
import { toConnectError } from '../errors.ts';

/** Its stream, or the connection below it, is gone. */
const GONE: ReadonlySet<string> = new Set([
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_HTTP2_INVALID_STREAM',
  'ECONNRESET',
]);
/** Nobody answers there. */
const AWAY: ReadonlySet<string> = new Set(['ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED']);

/** Node's error only names the code of HTTP/2 with which the other side ended the stream, or the connection. */
const ENDED_THERE: ReadonlySet<unknown> = new Set(['ERR_HTTP2_STREAM_ERROR', 'ERR_HTTP2_SESSION_ERROR']);

/** What such an end means; any other is a fault. */
const RESETS: Readonly<Record<number, readonly [Code, string]>> = {
  [constants.NGHTTP2_REFUSED_STREAM]: [Code.Unavailable, 'it takes no new call on this connection'],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: [Code.Unavailable, 'it ended the connection, on which too much came'],
  [constants.NGHTTP2_CANCEL]: [Code.Canceled, 'it ended the call'],
};

/** The other side did nothing of a call (RFC 9113, 8.7): it leaves, and whoever comes again at once finds who takes it. */
class CallRefused extends Error {}

/** Whether this is, or comes of, a call of which the other side did nothing. */
export function wasRefused(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++)
    if (cause instanceof CallRefused) return true;
  return false;
}

/** @param rstCode with which the stream ended, if it did */
export function callBroken(reason: unknown, rstCode = 0): ConnectError {
  if (reason instanceof ConnectError) return reason;
  if (reason instanceof AppError) return toConnectError(reason);
  if (rstCode !== 0 && reason instanceof Error && ENDED_THERE.has((reason as { code?: unknown }).code))
    return callReset(rstCode);
  const codes: string[] = [];
  for (let cause = reason, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++)
    codes.push(String((cause as { code?: unknown }).code));
  const code = codes.some((each) => GONE.has(each))
    ? Code.Aborted
    : codes.some((each) => AWAY.has(each))
      ? Code.Unavailable
      : Code.Internal;
  const message = reason instanceof Error ? reason.message : String(reason);
  return new ConnectError(message, code, undefined, undefined, reason);
}

/** The other side, or the connection, ended the stream with this code of HTTP/2. */
export function callReset(code: number): ConnectError {
  const [meaning, text] = RESETS[code] ?? [Code.Internal, `it ended the call with the code ${code} of HTTP/2`];
  const cause = code === constants.NGHTTP2_REFUSED_STREAM ? new CallRefused() : undefined;
  return new ConnectError(text, meaning, undefined, undefined, cause);
}

/** A message, of whatever call, that is larger than may come. */
export const messageTooLarge = (bytes: number, most: number): ConnectError =>
  new ConnectError(`message size ${bytes} is larger than configured readMaxBytes ${most}`, Code.ResourceExhausted);
