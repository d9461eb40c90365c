// Responses that may be used again, for one tenant each and within a bound. The rules of RFC 9111 are those of http-cache-semantics; here is
// what is kept and for how long at most. It asks nobody.
import CachePolicy from 'http-cache-semantics';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../base/clock.ts';
import type { Head } from './exchange.ts';

export interface Stored {
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** Wall time of when it was read, in milliseconds. */
  readonly readAt: number;
  readonly headers: Headers;
  readonly policy: CachePolicy;
}

type Headers = Readonly<Record<string, string>>;

/** Longest time for which an answer counts as fresh, whatever it says. */
const LONGEST_MS = 24 * 3_600_000;
/** Bytes beside the body that an entry counts for. */
const ENTRY_BYTES = 4096;
/** One body takes at most this part of the cache. */
const PART = 8;
/** Characters of a field that is kept; a longer validator is left out, and an answer with other long fields is not kept. */
const FIELD = 512;

const VALIDATORS = ['etag', 'last-modified'];
const RULES = ['cache-control', 'pragma', 'expires', 'date', 'age', 'vary'];

/**
 * A tenant's runs share it, so what is for one user alone is not kept. How long an answer without a word about it stays fresh is never
 * guessed. Other requests than ours are never made, so that only `*` in Vary tells two of them apart.
 */
const OPTIONS = { shared: true, cacheHeuristic: 0, immutableMinTimeToLive: 0 };
const REQUEST = { method: 'GET', headers: {} };

export class HttpCache {
  readonly #clock: Clock;
  readonly #bytes: number;
  readonly #entries: LRUCache<string, Stored>;
  readonly #Policy: typeof CachePolicy;

  constructor(bytes: number, clock: Clock) {
    this.#clock = clock;
    this.#bytes = bytes;
    this.#entries = new LRUCache({
      maxSize: Math.max(1, bytes),
      sizeCalculation: ({ body }) => body.length + ENTRY_BYTES,
    });
    this.#Policy = class extends CachePolicy {
      now(): number {
        return clock.now();
      }
    };
  }

  get(tenant: string, url: URL): Stored | undefined {
    return this.#entries.get(key(tenant, url));
  }

  isFresh({ policy, readAt }: Stored): boolean {
    return !policy.stale() && this.#clock.now() - readAt < LONGEST_MS;
  }

  /** What is kept of a response, which may be nothing. */
  put(tenant: string, url: URL, head: Head, body: Uint8Array): void {
    const headers = head.status === 200 ? headersOf(head) : undefined;
    this.#keep(tenant, url, headers && this.#store(headers, head.header('content-type') ?? '', body));
  }

  /** After 304: the same body, with what the new head says in the place of what the old one said. */
  renew(tenant: string, url: URL, old: Stored, head: Head): Stored {
    const { age: _, ...before } = old.headers;
    const said = headersOf(head);
    const renewed = said && this.#store({ ...before, ...said }, old.contentType, old.body);
    this.#keep(tenant, url, renewed);
    return renewed ?? { ...old, readAt: this.#clock.now() };
  }

  #keep(tenant: string, url: URL, stored: Stored | undefined): void {
    if (stored) this.#entries.set(key(tenant, url), stored);
    else this.#entries.delete(key(tenant, url));
  }

  #store(headers: Headers, contentType: string, body: Uint8Array): Stored | undefined {
    const policy = new this.#Policy(REQUEST, { status: 200, headers }, OPTIONS);
    const { etag, 'last-modified': lastModified } = headers;
    const useful = !policy.stale() || etag !== undefined || lastModified !== undefined;
    if (body.length > this.#bytes / PART || !policy.storable() || headers.vary?.includes('*') || !useful)
      return undefined;
    return { contentType, body, etag, lastModified, readAt: this.#clock.now(), headers, policy };
  }
}

/** A tenant's name cannot hold a line feed, and neither can a URL. */
const key = (tenant: string, url: URL): string => `${tenant}\n${url.href}`;

/** The fields that the rules look at; undefined where one is longer than is kept. */
function headersOf({ header }: Head): Headers | undefined {
  const headers: Record<string, string> = {};
  for (const name of [...VALIDATORS, ...RULES]) {
    const value = header(name);
    if (value === undefined) continue;
    if (value.length <= FIELD) headers[name] = value;
    else if (RULES.includes(name)) return undefined;
  }
  // That there is one is a reason to ask again; what it is stays nowhere.
  if (header('set-cookie') !== undefined) headers['set-cookie'] = 'some';
  return headers;
}
