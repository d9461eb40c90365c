// One request over one connection, and its answer within its bounds. Nothing is followed, kept open, unpacked or asked twice.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '../../../base/errors.ts';

/** What is sent. */
export interface LanRequest {
  readonly method: string;
  readonly target: string;
  /** With the values of secrets. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined for none. */
  readonly body: Buffer | undefined;
}

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Empty for none. */
  readonly encoding: string;
  readonly location: string;
  readonly body: Uint8Array;
  readonly truncated: boolean;
}

/** Of all headers of an answer together. */
const HEADER_BYTES = 16 << 10;

/**
 * @param socket connected, and destroyed at the end, whatever it is
 * @throws HOST_ANSWER_INVALID when what came is no answer, why `signal` aborted before there was one: in both cases the request may
 * have been done
 */
export async function lanExchange(
  socket: Socket,
  { method, target, headers, body }: LanRequest,
  { maxBytes, signal, entry }: { readonly maxBytes: number; readonly signal: AbortSignal; readonly entry: string },
): Promise<HttpAnswer> {
  const onAbort = () => socket.destroy();
  try {
    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, { once: true });
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sending = httpRequest({
      createConnection: () => socket,
      method,
      path: target,
      headers,
      maxHeaderSize: HEADER_BYTES,
      insecureHTTPParser: false,
    });
    sending.on('response', resolve);
    sending.on('error', reject);
    sending.on('close', () => reject(new Error('it ended before it answered')));
    sending.end(body);
    const response = await promise.catch((cause: unknown) => {
      if (signal.aborted) throw signal.reason;
      throw new AppError('HOST_ANSWER_INVALID', { entry, problem: wordsOf(cause) }, { cause });
    });
    return { ...headOf(response), ...(await bodyOf(response, maxBytes)) };
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

function headOf({ statusCode = 0, headers }: IncomingMessage) {
  return {
    status: statusCode,
    contentType: headers['content-type'] ?? '',
    encoding: headers['content-encoding'] ?? '',
    location: headers.location ?? '',
  };
}

/** What comes of it, up to its bound, its end or the end of the time: the server has answered by then. */
async function bodyOf(response: IncomingMessage, maxBytes: number): Promise<Pick<HttpAnswer, 'body' | 'truncated'>> {
  const pieces: Buffer[] = [];
  let left = maxBytes;
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      pieces.push(piece.subarray(0, left));
      left -= piece.length;
      if (left < 0) break;
    }
  } catch {
    return { body: Buffer.concat(pieces), truncated: true };
  }
  return { body: Buffer.concat(pieces), truncated: left < 0 || !response.complete };
}

const wordsOf = (cause: unknown): string => {
  const { code = '' } = cause as NodeJS.ErrnoException;
  return code === 'ECONNRESET' || code === ''
    ? 'the connection ended without an answer'
    : `what came is no HTTP (${code})`;
};
