// From a bearer key to a principal. It owns the cache of what the database said; it decides nothing about rights.
import type { Kysely } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { bareKey } from '../../base/pin.ts';
import type { Schema } from '../store/schema.ts';
import { inStore } from '../store/sql-failure.ts';
import { hashKey, kindOf, sameBytes } from './keys.ts';
import type { KeyCache, Principal } from './principal.ts';
import { findWorker } from './workers.ts';

interface Found {
  readonly hash: Uint8Array;
  readonly principal: Principal;
}

export interface AuthenticatorOptions {
  /** Principals kept; default 1,000. */
  readonly cacheSize?: number;
  /** Milliseconds until a cached principal is read again: how long a revocation on another replica may take. Default 5,000. */
  readonly cacheMs?: number;
}

const unauthenticated = () => new AppError('UNAUTHENTICATED', { hint: 'owner.key in the home folder' });

/** The token of an `authorization: Bearer ...` header; throws UNAUTHENTICATED when there is none. */
export function bearerOf(header: string | null | undefined): string {
  const match = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(header ?? '');
  if (!match) throw unauthenticated();
  return match[1]!;
}

export class Authenticator implements KeyCache {
  readonly #db: Kysely<Schema>;
  readonly #clock: Clock;
  readonly #cacheMs: number;
  readonly #cache: LRUCache<string, { principal: Principal; until: number }>;
  /** Grows with each `forget`, so that a read that began before it is not cached after it. */
  #changes = 0;

  constructor(db: Kysely<Schema>, clock: Clock, options: AuthenticatorOptions = {}) {
    this.#db = db;
    this.#clock = clock;
    this.#cacheMs = options.cacheMs ?? 5_000;
    this.#cache = new LRUCache({ max: options.cacheSize ?? 1_000 });
  }

  /**
   * The principal of an owner, device or worker key. Throws UNAUTHENTICATED for anything else (unknown, revoked, malformed,
   * a join token), and DEVICE_SUSPENDED for a device that must not connect.
   */
  async authenticate(shown: string): Promise<Principal> {
    const bearer = bareKey(shown);
    const kind = kindOf(bearer);
    if (kind === undefined || kind === 'join') throw unauthenticated();
    const hash = hashKey(bearer);
    const key = hash.toString('base64');
    const cached = this.#cache.get(key);
    if (cached && cached.until > this.#clock.monotonic()) return cached.principal;
    const changes = this.#changes;
    const found = await inStore(() => this.#find(kind, hash));
    if (!found || !sameBytes(found.hash, hash)) throw unauthenticated();
    const { principal } = found;
    if (changes === this.#changes) this.#cache.set(key, { principal, until: this.#clock.monotonic() + this.#cacheMs });
    return principal;
  }

  forget(id: string): void {
    this.#changes++;
    for (const [key, { principal }] of this.#cache.entries()) if (principal.id === id) this.#cache.delete(key);
  }

  #find(kind: 'owner' | 'device' | 'worker', hash: Uint8Array): Promise<Found | undefined> {
    if (kind === 'owner') return findOwner(this.#db, hash);
    return kind === 'device' ? findDevice(this.#db, hash) : findWorker(this.#db, hash);
  }
}

async function findOwner(db: Kysely<Schema>, hash: Uint8Array): Promise<Found | undefined> {
  const row = await db
    .selectFrom('api_key')
    .innerJoin('tenant', 'tenant.id', 'api_key.tenant')
    .select(['api_key.id', 'api_key.tenant', 'api_key.hash', 'api_key.scopes', 'tenant.name'])
    .where('hash', '=', Buffer.from(hash))
    .where('kind', '=', 'owner')
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (!row) return undefined;
  const scopes = row.scopes as Readonly<Record<string, unknown>>;
  return { hash: row.hash, principal: { kind: 'owner', tenant: row.tenant, id: row.id, name: row.name, scopes } };
}

async function findDevice(db: Kysely<Schema>, hash: Uint8Array): Promise<Found | undefined> {
  const row = await db
    .selectFrom('device')
    .select(['tenant', 'id', 'name', 'state', 'key_hash'])
    .where('key_hash', '=', Buffer.from(hash))
    .executeTakeFirst();
  if (!row) return undefined;
  const { tenant, id, name, state } = row;
  if (state === 'suspended')
    throw new AppError('DEVICE_SUSPENDED', { device: name, why: 'it was suspended on the control plane' });
  return { hash: row.key_hash, principal: { kind: 'device', tenant, id, name, state } };
}
