// One request over one connection, and its answer within its bounds. Nothing is followed, kept open, unpacked or asked twice.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '../../../base/errors.ts';
import { boundInterimAnswers, HEADER_BYTES } from '../../../base/interim-answers.ts';

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
    boundInterimAnswers(sending);
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
  // One piece of memory, as it may come one byte at a time.
  const body = Buffer.allocUnsafe(maxBytes);
  let bytes = 0;
  const came = () => body.subarray(0, Math.min(bytes, maxBytes));
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      if (bytes < maxBytes) piece.copy(body, bytes);
      bytes += piece.length;
      if (bytes > maxBytes) break;
    }
  } catch {
    return { body: came(), truncated: true };
  }
  return { body: came(), truncated: bytes > maxBytes || !response.complete };
}

const wordsOf = (cause: unknown): string => {
  const { code = '' } = cause as NodeJS.ErrnoException;
  return code === 'ECONNRESET' || code === ''
    ? 'the connection ended without an answer'
    : `what came is no HTTP (${code})`;
};
