// Asks the configured search service and puts its answer into the contract's form. The service's host is the operator's choice and may
// lie in a private network; nothing else may be reached this way, and its redirects are not followed.
import { create } from '@bufbuild/protobuf';
import type { Dispatcher } from 'undici';
import {
  type SearchRequest as WebSearchRequest,
  type SearchResponse as WebSearchResponse,
  SearchResponseSchema as WebSearchResponseSchema,
} from '../../../../gen/bowline/capability/web/v1/web_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { pageSizeOf, readOffset, writePlace } from '../../../contract/paging.ts';
import { Budget } from './budget.ts';
import { exchange } from './exchange.ts';
import { plainWords } from './plain-words.ts';
import { retryAfterMs } from './retry-after.ts';
import type { SearchSettings } from './web-settings.ts';

const DEFAULT_RESULTS = 10;
const MOST_RESULTS = 50;
const MAX_TITLE = 512;
const MAX_SNIPPET = 2000;
const MAX_URL = 4096;

export interface SearchParts {
  readonly settings: SearchSettings;
  /** Reaches the service's host and nothing else. */
  readonly agent: Dispatcher;
  readonly userAgent: string;
  readonly clock: Clock;
}

/** Throws WEB_SEARCH_FAILED, WEB_BUSY and the signal's reason. */
export async function searchWeb(
  parts: SearchParts,
  request: WebSearchRequest,
  signal: AbortSignal,
): Promise<WebSearchResponse> {
  const { settings } = parts;
  const size = pageSizeOf(request.pageSize, DEFAULT_RESULTS, MOST_RESULTS);
  const offset = readOffset(request.pageToken, MOST_RESULTS);
  const count = Math.min(offset + size, MOST_RESULTS);
  const url = searchUrl(settings, request, count);
  const found = at(await ask(parts, url, signal), settings.results);
  if (!Array.isArray(found)) throw failed(url, 'its answer holds no list of results');
  const { fields } = settings;
  const results = found.slice(0, 4 * MOST_RESULTS).flatMap((one: unknown) => {
    const link = URL.parse(words(at(one, fields.url), MAX_URL));
    if (!link || (link.protocol !== 'http:' && link.protocol !== 'https:') || link.username !== '') return [];
    const published = fields.published === undefined ? '' : words(at(one, fields.published), 64);
    const title = words(at(one, fields.title), MAX_TITLE);
    return [{ url: link.href, title, snippet: words(at(one, fields.snippet), MAX_SNIPPET), published }];
  });
  // A service that gave as many as were asked for may have more.
  const more = results.length >= count && count < MOST_RESULTS;
  return create(WebSearchResponseSchema, {
    results: results.slice(offset, count),
    provider: url.host,
    nextPageToken: more ? writePlace(String(count)) : '',
  });
}

function searchUrl({ url: base, parameters, fixed }: SearchSettings, request: WebSearchRequest, count: number): URL {
  const url = new URL(base);
  for (const [name, value] of Object.entries(fixed)) url.searchParams.set(name, value);
  url.searchParams.set(parameters.query, request.query);
  if (parameters.count) url.searchParams.set(parameters.count, String(count));
  if (parameters.language && request.language) url.searchParams.set(parameters.language, request.language);
  return url;
}

async function ask(parts: SearchParts, url: URL, outer: AbortSignal): Promise<unknown> {
  const { settings, agent, userAgent, clock } = parts;
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': userAgent };
  if (settings.key) headers[settings.key.header.toLowerCase()] = settings.key.value.reveal();
  const slow = { bytesPerSecond: 0, afterMs: settings.timeoutMs, clock };
  const limit = { bytes: settings.answerBytes, cut: false, slow };
  const answer = await new Budget(settings.timeoutMs, clock, 'which is fixed')
    .spend(outer, (signal) => exchange(url, { agent, headers, signal, limit }))
    .catch((error: unknown) => {
      outer.throwIfAborted();
      throw failed(
        url,
        error instanceof AppError ? (error.metadata.problem ?? 'its answer is too large') : 'it failed',
        error,
      );
    });
  const { status, body, header } = answer;
  if (status === 429 || status === 503) {
    const wait = retryAfterMs(header('retry-after'), clock.now());
    throw new AppError('WEB_BUSY', {
      problem: `it answered with status ${status}`,
      ...(wait > 0 ? { retryAfterMs: wait } : {}),
    });
  }
  if (status !== 200) throw failed(url, `it answered with status ${status}`);
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch (error) {
    throw failed(url, 'its answer is not JSON', error);
  }
}

/** What lies at a path of names with dots. */
function at(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}

const words = (value: unknown, most: number): string => (typeof value === 'string' ? plainWords(value, most) : '');

const failed = (url: URL, problem: string, cause?: unknown) =>
  new AppError('WEB_SEARCH_FAILED', { provider: url.host, problem }, { cause });
