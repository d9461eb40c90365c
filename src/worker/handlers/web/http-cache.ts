// Responses that may be used again, for one tenant each and within a bound (RFC 9111, as a private cache of a tenant). It asks nobody.
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../base/clock.ts';
import type { Head } from './exchange.ts';

export interface Stored {
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** Wall time of when it was read, and until when it is fresh; in milliseconds. */
  readonly readAt: number;
  readonly freshUntil: number;
}

/** Longest time for which an answer counts as fresh, whatever it says. */
const LONGEST_MS = 24 * 3_600_000;
/** Bytes beside the body that an entry counts for. */
const ENTRY_BYTES = 2048;
/** One body takes at most this part of the cache. */
const PART = 8;
const VALIDATOR = 512;

export class HttpCache {
  readonly #clock: Clock;
  readonly #bytes: number;
  readonly #entries: LRUCache<string, Stored>;

  constructor(bytes: number, clock: Clock) {
    this.#clock = clock;
    this.#bytes = bytes;
    this.#entries = new LRUCache({
      maxSize: Math.max(1, bytes),
      sizeCalculation: ({ body }) => body.length + ENTRY_BYTES,
    });
  }

  get(tenant: string, url: URL): Stored | undefined {
    return this.#entries.get(key(tenant, url));
  }

  isFresh({ freshUntil }: Stored): boolean {
    return freshUntil > this.#clock.now();
  }

  /** What is kept of a response, which may be nothing. */
  put(tenant: string, url: URL, head: Head, body: Uint8Array): void {
    const stored = this.#store(head, body);
    if (stored) this.#entries.set(key(tenant, url), stored);
    else this.#entries.delete(key(tenant, url));
  }

  /** After 304: the same body, as fresh as the new head says. */
  renew(tenant: string, url: URL, old: Stored, head: Head): Stored {
    const header = (name: string) =>
      head.header(name) ?? (name === 'etag' ? old.etag : name === 'last-modified' ? old.lastModified : undefined);
    const renewed = this.#store({ status: 200, header }, old.body) ?? {
      ...old,
      readAt: this.#clock.now(),
      freshUntil: 0,
    };
    const stored = { ...renewed, contentType: old.contentType };
    if (control(head).has('no-store')) this.#entries.delete(key(tenant, url));
    else this.#entries.set(key(tenant, url), stored);
    return stored;
  }

  #store(head: Head, body: Uint8Array): Stored | undefined {
    const said = control(head);
    if (head.status !== 200 || body.length > this.#bytes / PART || said.has('no-store') || said.has('private'))
      return undefined;
    // Other requests than ours are never made, so that only `*` tells two of them apart.
    if (head.header('vary')?.includes('*')) return undefined;
    const etag = short(head.header('etag'));
    const lastModified = short(head.header('last-modified'));
    const now = this.#clock.now();
    const freshUntil = now + freshMs(head, said, now);
    if (freshUntil <= now && etag === undefined && lastModified === undefined) return undefined;
    return { contentType: head.header('content-type') ?? '', body, etag, lastModified, readAt: now, freshUntil };
  }
}

/** A tenant's name cannot hold a line feed, and neither can a URL. */
const key = (tenant: string, url: URL): string => `${tenant}\n${url.href}`;

const short = (text: string | undefined): string | undefined => (text && text.length <= VALIDATOR ? text : undefined);

function control({ header }: Head): ReadonlyMap<string, string> {
  const parts = (header('cache-control') ?? '').toLowerCase().split(',', 32);
  return new Map(
    parts.map((part) => [part.split('=')[0]!.trim(), part.split('=')[1]?.trim().replaceAll('"', '') ?? '']),
  );
}

function freshMs({ header }: Head, said: ReadonlyMap<string, string>, now: number): number {
  if (said.has('no-cache')) return 0;
  const age = Number(header('age') ?? 0) * 1000 || 0;
  const maxAge = said.get('max-age');
  const expires = Date.parse(header('expires') ?? '');
  const date = Date.parse(header('date') ?? '');
  const life = maxAge === undefined ? expires - (Number.isNaN(date) ? now : date) : Number(maxAge) * 1000;
  return Number.isFinite(life) ? Math.min(Math.max(life - age, 0), LONGEST_MS) : 0;
}
