// One request and its response, without redirects, cache and manners: those are of other files.
import type { Dispatcher } from 'undici';
import { AppError } from '../../../base/errors.ts';
import { ACCEPT_ENCODING, type BodyLimit, readBody } from './read-body.ts';

export interface ExchangeOptions {
  readonly agent: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly limit: BodyLimit;
  /** Sees the head before the body is read; what it throws ends the exchange. */
  readonly judge?: (head: Head) => void;
}

export interface Head {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
}

export interface Exchanged extends Head {
  /** Empty for a redirect, an error and 304. */
  readonly body: Uint8Array;
}

/**
 * GET without cookies, credentials and Referer. Throws URL_NOT_ALLOWED for a host that is not public, WEB_UNREACHABLE,
 * WEB_ANSWER_INVALID, WEB_TOO_LARGE, WEB_TOO_SLOW and the signal's reason.
 */
export async function exchange(url: URL, options: ExchangeOptions): Promise<Exchanged> {
  const { agent, signal, limit, judge } = options;
  signal.throwIfAborted();
  try {
    const {
      statusCode: status,
      headers,
      body,
    } = await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: { ...options.headers, 'accept-encoding': ACCEPT_ENCODING },
      signal,
    });
    // What is destroyed unread tells its end as an error.
    body.on('error', () => {});
    try {
      const header = (name: string) => {
        const value = headers[name];
        return Array.isArray(value) ? value.join(', ') : value;
      };
      const head: Head = { status, header };
      if (status < 200 || status > 299) return { ...head, body: new Uint8Array() };
      judge?.(head);
      const length = Number(header('content-length') ?? 0);
      if (length > limit.bytes && !limit.cut) throw new AppError('WEB_TOO_LARGE', { limit: limit.bytes });
      return { ...head, body: await readBody(body, header('content-encoding') ?? '', limit) };
    } finally {
      body.destroy();
    }
  } catch (error) {
    throw failure(error, signal);
  }
}

/** Foreign errors get fixed words: theirs name addresses. */
function failure(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof AppError) return at;
  const code = codeOf(error);
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return new AppError('WEB_TOO_SLOW', { problem: 'it did not answer in time' });
  const invalid = INVALID[code] ?? (code.startsWith('HPE_') ? 'its answer is not HTTP' : undefined);
  if (invalid !== undefined) return new AppError('WEB_ANSWER_INVALID', { problem: invalid }, { cause: error });
  return new AppError('WEB_UNREACHABLE', { problem: PROBLEMS[code] ?? other(code) }, { cause: error });
}

/** Of errors of undici's parser of HTTP, some have no code. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error.name === 'HTTPParserError') return 'HPE_';
  return 'code' in error ? String(error.code) : '';
}

/** What would be the same the next time. */
const INVALID: Readonly<Record<string, string>> = {
  UND_ERR_HEADERS_OVERFLOW: 'the head of its answer is too large',
};

const PROBLEMS: Readonly<Record<string, string>> = {
  UND_ERR_BODY_TIMEOUT: 'it stopped in the middle of its answer',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'its answer is shorter or longer than it says',
  UND_ERR_ABORTED: 'the proxy of this worker let no connection through',
  EAI_AGAIN: 'its name could not be looked up',
};

function other(code: string): string {
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO|ERR_OSSL/.test(code)) return 'its certificate is not valid or TLS failed';
  return 'no connection, or it broke';
}
