// From a bearer key to a principal. It owns the cache of what the database said; it decides nothing about rights.
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { bareKey } from '../../base/pin.ts';
import type { FoundKey, KeyLookup } from './key-lookup.ts';
import { hashKey, kindOf, sameBytes } from './keys.ts';
import type { KeyCache, Principal } from './principal.ts';

export interface AuthenticatorOptions {
  /** Principals kept; default 1,000. */
  readonly cacheSize?: number;
  /** Milliseconds until a cached principal is read again: how long a revocation on another replica may take. Default 5,000. */
  readonly cacheMs?: number;
}

const unauthenticated = () => new AppError('UNAUTHENTICATED', { hint: 'owner.key in the home folder' });

/** The credential of an `authorization: Bearer ...` header; throws UNAUTHENTICATED when there is none. */
export function bearerOf(header: string | null | undefined): string {
  const match = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(header ?? '');
  if (!match) throw unauthenticated();
  return match[1]!;
}

export class Authenticator implements KeyCache {
  readonly #lookup: Pick<KeyLookup, 'find'>;
  readonly #clock: Clock;
  readonly #cacheMs: number;
  readonly #cache: LRUCache<string, { principal: Principal; until: number }>;
  /** Grows with each `forget`, so that a read that began before it is not cached after it. */
  #changes = 0;

  constructor(lookup: Pick<KeyLookup, 'find'>, clock: Clock, options: AuthenticatorOptions = {}) {
    this.#lookup = lookup;
    this.#clock = clock;
    this.#cacheMs = options.cacheMs ?? 5_000;
    this.#cache = new LRUCache({ max: options.cacheSize ?? 1_000 });
  }

  /**
   * The principal of an owner, device or worker key. Throws UNAUTHENTICATED for anything else (unknown, revoked, malformed,
   * a join token), DEVICE_SUSPENDED and DEVICE_REMOVED for a device that must not connect, and CANCELED when the caller has left meanwhile.
   */
  async authenticate(shown: string, signal?: AbortSignal): Promise<Principal> {
    const bearer = bareKey(shown);
    const kind = kindOf(bearer);
    if (kind === undefined || kind === 'join') throw unauthenticated();
    const hash = hashKey(bearer);
    const key = hash.toString('base64');
    const cached = this.#cache.get(key);
    if (cached && cached.until > this.#clock.monotonic()) return cached.principal;
    const changes = this.#changes;
    const found = await this.#lookup.find(kind, hash, signal);
    if (!found?.principal || !sameBytes(found.hash, hash)) throw unauthenticated();
    const principal = mayConnect(found.principal);
    if (changes === this.#changes) this.#cache.set(key, { principal, until: this.#clock.monotonic() + this.#cacheMs });
    return principal;
  }

  forget(id: string): void {
    this.#changes++;
    for (const [key, { principal }] of this.#cache.entries()) if (principal.id === id) this.#cache.delete(key);
  }
}

/** Throws DEVICE_SUSPENDED, DEVICE_REMOVED. */
function mayConnect(principal: NonNullable<FoundKey['principal']>): Principal {
  if (principal.kind !== 'device') return principal;
  const { state } = principal;
  if (state === 'removed') throw new AppError('DEVICE_REMOVED', { device: principal.name });
  if (state !== 'active' && state !== 'quarantined') {
    throw new AppError('DEVICE_SUSPENDED', { device: principal.name });
  }
  return { ...principal, state };
}
