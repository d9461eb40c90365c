// What a provider's failure means: may the same request succeed later, and when. Its own reason is passed on, bounded and masked.
import { AppError } from '../../../base/errors.ts';
import { isRecord } from '../../../base/is-record.ts';
import type { Secret } from '../../../base/secret.ts';
import { RETRY_AFTER_MS } from '../job-failure.ts';
import { ownReason } from './own-reason.ts';

/** The parts of the AI SDK's errors that matter; read by shape, so that nothing is loaded for it. */
interface Failed {
  readonly statusCode?: number;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly responseBody?: string;
  readonly data?: unknown;
  readonly isRetryable?: boolean;
  readonly type?: string;
  readonly code?: string | number;
  readonly message?: string;
}

/** Letters of an error that are looked at. */
const MOST_READ = 16_384;
const FILTERED = /content[_ ](?:filter|policy)|content_policy_violation|responsible.?ai|safety system/i;
const NO_QUOTA = /insufficient_quota|billing|credit balance/i;
const OVERLOADED = /overloaded|rate_limit|server_error|api_error|timeout|unavailable/i;

/** How servers say that a conversation is too long for the model. */
const TOO_LONG =
  /context[_ -](?:length|window|size|limit)|context the overflows|context overflow|maximum (?:context|model) length|exceed_context_size|prompt (?:is )?too long|prompt .{0,40}longer than the maximum|too many (?:input )?tokens|input (?:is|was) too (?:long|large)|input (?:token count|length).{0,40}exceeds|tokens to keep from the initial prompt|context shift is disabled|max_tokens_exceeded|max_new_tokens.{0,20}must be|reduce (?:the|your) (?:length|prompt)/i;

/** How servers say that a model takes no tools. */
const NO_TOOLS =
  /(?:not|n't) support (?:tool|function)|tool (?:use|calling) is not|support tool use|enable-auto-tool-choice/i;

/** Who was called, as far as an error tells of it. */
export interface CalledModel {
  /** Name in models.yaml. */
  readonly name: string;
  /** The provider's name of the model. */
  readonly model: string;
  readonly baseUrl?: string;
  readonly key?: () => Secret | undefined;
}

/** Any error of a provider's call as an AppError; those that are one already stay as they are. */
export function providerError(error: unknown, settings: CalledModel, now: number): AppError {
  for (let cause = error, depth = 0; isRecord(cause) && depth < 6; cause = cause.cause, depth++) {
    if (cause instanceof AppError) return cause;
  }
  const failed = unwrapped(error);
  const provider = settings.name;
  const words = codeWords(failed);
  const told = `${failed.responseBody ?? ''} ${error instanceof Error ? error.message : (failed.message ?? '')}`;
  const described = `${words} ${told.slice(0, MOST_READ)}`;
  const refused = (problem: string) => new AppError('PROVIDER_REFUSED', { provider, problem }, { cause: error });
  const away = (problem: string, more = {}) =>
    new AppError('PROVIDER_UNAVAILABLE', { provider, problem, ...more }, { cause: error });
  // A success that broke off in the middle carries its 200.
  const status = statusOf(failed);
  const own = ownReason(
    failed.data ??
      parsed(failed.responseBody) ??
      messageWithin(failed.responseBody) ??
      (error instanceof Error ? '' : error),
    keyOf(settings),
  );
  const code = `${words === '' ? '' : `, ${words}`}${own === '' ? '' : `: ${own}`}`;
  // In whatever status it comes: tried again, it is as long as before.
  if (status === 413 || (status !== 429 && TOO_LONG.test(described)))
    return new AppError('CONTEXT_TOO_LONG', { model: provider }, { cause: error });
  if (NO_TOOLS.test(described))
    return refused(
      `the model takes no tools${status === undefined ? '' : ` (HTTP ${status}`}${code}${status === undefined ? '' : ')'}`,
    );
  if (status === undefined) {
    if (error instanceof Error && error.name === 'AI_LoadAPIKeyError')
      return new AppError('PROVIDER_KEY_MISSING', { model: provider, problem: 'none is set' }, { cause: error });
    if (failed.isRetryable === false && !OVERLOADED.test(words) && words !== '')
      return refused(`${words}${own === '' ? '' : `: ${own}`}`);
    return away(own === '' ? `${networkProblem(error)}${addressOf(settings)}` : `${own}${addressOf(settings)}`);
  }
  if (status === 429 && NO_QUOTA.test(described)) return refused(`the quota of this key is used up (HTTP 429${code})`);
  if (status === 429)
    return new AppError('PROVIDER_RATE_LIMITED', { provider, ...retryAfter(failed, now) }, { cause: error });
  if (status === 408 || status === 409 || status === 425 || status >= 500)
    return away(`HTTP ${status}${code}`, retryAfter(failed, now));
  if (status === 401)
    return new AppError(
      'PROVIDER_KEY_MISSING',
      { model: provider, problem: `the provider does not accept it (HTTP 401${code})` },
      { cause: error },
    );
  if (FILTERED.test(described)) return refused(`its content filter stopped it (HTTP ${status}${code})`);
  if (status === 404)
    return refused(`no model ${settings.model} at this address${pathHint(settings)} (HTTP 404${code})`);
  if (status === 403) return refused(`this key may not use it (HTTP 403${code})`);
  return refused(`HTTP ${status}${code}`);
}

/** The status of the answer, or the one that an error within a stream names. */
function statusOf({ statusCode, code }: Failed): number | undefined {
  const named = typeof code === 'number' || (typeof code === 'string' && /^\d{3}$/.test(code)) ? Number(code) : 0;
  return [statusCode ?? 0, named].find((each) => each >= 400 && each < 600);
}

/** What is not to be shown; a key that cannot be read is in no answer. */
function keyOf(settings: CalledModel): string | undefined {
  try {
    return settings.key?.()?.reveal();
  } catch {
    return undefined;
  }
}

/** Retries are wrapped by the SDK; the last error says what happened. */
function unwrapped(error: unknown): Failed {
  if (typeof error !== 'object' || error === null) return {};
  if ('lastError' in error && error.lastError) return unwrapped(error.lastError);
  const failed = error as Failed;
  const cause = error instanceof Error ? error.cause : undefined;
  return failed.statusCode === undefined && typeof cause === 'object' && cause !== null && 'statusCode' in cause
    ? (cause as Failed)
    : failed;
}

/** `type` and `code` of the provider's error object, if they look like code words. */
function codeWords(failed: Failed): string {
  const data: unknown = failed.data ?? parsed(failed.responseBody);
  const inner = isRecord(data) && isRecord(data.error) ? data.error : isRecord(data) ? data : {};
  const words = [inner.type, inner.code, failed.type, failed.code].filter(
    (word): word is string => typeof word === 'string' && /^[\w.-]{2,64}$/.test(word) && word !== 'error',
  );
  return [...new Set(words)].join(' ');
}

function parsed(body: string | undefined): unknown {
  try {
    return JSON.parse(body ?? '');
  } catch {
    return undefined;
  }
}

/** The message of a body that was too long to be read to its end. */
function messageWithin(body: string | undefined): string | undefined {
  const beginning = (body ?? '').slice(0, MOST_READ);
  const text = /"(?:message|detail|error)"\s{0,8}:\s{0,8}"((?:[^"\\]|\\.){1,4096})/.exec(beginning)?.[1];
  return text?.replaceAll('\\"', '"');
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date; at most an hour is believed. */
function retryAfter(failed: Failed, now: number): Record<string, number> {
  const headers = failed.responseHeaders ?? {};
  const ms = Number(headers['retry-after-ms'] ?? Number.NaN);
  const after = headers['retry-after'];
  const seconds = Number(after ?? Number.NaN);
  const wait = Number.isFinite(ms) ? ms : Number.isFinite(seconds) ? seconds * 1000 : Date.parse(after ?? '') - now;
  return Number.isFinite(wait) && wait > 0 ? { [RETRY_AFTER_MS]: Math.min(Math.ceil(wait), 3_600_000) } : {};
}

/** The code of the socket (ECONNREFUSED, ...), which stands somewhere among the causes. */
function networkProblem(error: unknown): string {
  for (let cause: unknown = error, depth = 0; isRecord(cause) && depth < 6; cause = cause.cause, depth++) {
    if (typeof cause.code === 'string' && /^[A-Z][A-Z_\d]+$/.test(cause.code)) return cause.code;
    if (cause instanceof Error && cause.name === 'TimeoutError') return 'it was silent for too long';
    if (cause instanceof Error && cause.message === 'bad port') return 'web clients may not use this port';
  }
  return 'the answer ended before it was complete';
}

/** Host and port of a server that the owner named, without what else may stand in its address. */
function addressOf({ baseUrl }: CalledModel): string {
  return baseUrl !== undefined && URL.canParse(baseUrl) ? ` (${new URL(baseUrl).host})` : '';
}

/** Most servers of the owner's own choice answer under a path. */
function pathHint({ baseUrl }: CalledModel): string {
  return baseUrl !== undefined && URL.canParse(baseUrl) && new URL(baseUrl).pathname === '/'
    ? ', which has no /v1'
    : '';
}
