// From a bearer key to a principal. It owns the cache of what the database said; it decides nothing about rights.
import { type Kysely, type Selectable, sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { bareKey } from '../../base/pin.ts';
import { Gathered } from '../store/gathered.ts';
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
  /** Edges come in herds; of the others there are few. */
  readonly #devices: Gathered<Uint8Array, FoundDevice>;

  constructor(db: Kysely<Schema>, clock: Clock, options: AuthenticatorOptions = {}) {
    this.#db = db;
    this.#clock = clock;
    this.#cacheMs = options.cacheMs ?? 5_000;
    this.#cache = new LRUCache({ max: options.cacheSize ?? 1_000 });
    this.#devices = new Gathered(
      (hashes) => findDevices(db, hashes),
      textOf,
      ({ key_hash }) => textOf(key_hash),
    );
  }

  /**
   * The principal of an owner, device or worker key. Throws UNAUTHENTICATED for anything else (unknown, revoked, malformed,
   * a join token), DEVICE_SUSPENDED for a device that must not connect, and CANCELED when its caller left before it was looked at.
   */
  async authenticate(shown: string, signal?: AbortSignal): Promise<Principal> {
    const bearer = bareKey(shown);
    const kind = kindOf(bearer);
    if (kind === undefined || kind === 'join') throw unauthenticated();
    const hash = hashKey(bearer);
    const key = textOf(hash);
    const cached = this.#cache.get(key);
    if (cached && cached.until > this.#clock.monotonic()) return cached.principal;
    const changes = this.#changes;
    const found = await inStore(() => this.#find(kind, hash, signal));
    if (!found || !sameBytes(found.hash, hash)) throw unauthenticated();
    const { principal } = found;
    if (changes === this.#changes) this.#cache.set(key, { principal, until: this.#clock.monotonic() + this.#cacheMs });
    return principal;
  }

  forget(id: string): void {
    this.#changes++;
    for (const [key, { principal }] of this.#cache.entries()) if (principal.id === id) this.#cache.delete(key);
  }

  async #find(kind: 'owner' | 'device' | 'worker', hash: Uint8Array, signal?: AbortSignal): Promise<Found | undefined> {
    if (kind === 'owner') return findOwner(this.#db, hash);
    if (kind === 'worker') return findWorker(this.#db, hash);
    const found = await this.#devices.get(hash, signal);
    return found && deviceOf(found);
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

type FoundDevice = Pick<Selectable<Schema['device']>, 'tenant' | 'id' | 'name' | 'state' | 'key_hash'>;

const textOf = (hash: Uint8Array): string => Buffer.from(hash).toString('base64');

async function findDevices(db: Kysely<Schema>, hashes: readonly Uint8Array[]): Promise<FoundDevice[]> {
  const { rows } = await sql<FoundDevice>`/* device_keys */ select tenant, id, name, state, key_hash from device
    where key_hash = any(${hashes.map((hash) => Buffer.from(hash))}::bytea[])`.execute(db);
  return rows;
}

function deviceOf({ tenant, id, name, state, key_hash }: FoundDevice): Found {
  if (state === 'suspended')
    throw new AppError('DEVICE_SUSPENDED', { device: name, why: 'it was suspended on the control plane' });
  return { hash: key_hash, principal: { kind: 'device', tenant, id, name, state } };
}
