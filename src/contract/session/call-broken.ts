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

const RESETS: Readonly<Record<number, Code>> = {
  [constants.NGHTTP2_REFUSED_STREAM]: Code.Unavailable,
  [constants.NGHTTP2_CANCEL]: Code.Canceled,
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: Code.ResourceExhausted,
  [constants.NGHTTP2_INADEQUATE_SECURITY]: Code.PermissionDenied,
  [constants.NGHTTP2_HTTP_1_1_REQUIRED]: Code.PermissionDenied,
};

export function callBroken(reason: unknown): ConnectError {
  if (reason instanceof ConnectError) return reason;
  if (reason instanceof AppError) return toConnectError(reason);
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
export const callReset = (code: number): ConnectError =>
  new ConnectError(`http/2 stream closed with error code ${code}`, RESETS[code] ?? Code.Internal);

/** A message, of whatever call, that is larger than may come. */
export const messageTooLarge = (bytes: number, most: number): ConnectError =>
  new ConnectError(`message size ${bytes} is larger than configured readMaxBytes ${most}`, Code.ResourceExhausted);
