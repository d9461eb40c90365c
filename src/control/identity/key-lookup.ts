// What the database knows of a key, by its hash: many hashes to a statement, so that whoever shows keys that nobody has costs the
// database next to nothing. It judges nothing.
import { type Kysely, sql } from 'kysely';
import { inStore } from '../../base/sql-failure.ts';
import { Gathered } from '../store/gathered.ts';
import type { Schema } from '../store/schema.ts';
import type { BearerKind } from './keys.ts';
import type { DevicePrincipal, OwnerPrincipal, WorkerPrincipal } from './principal.ts';
import { findWorkers } from './workers.ts';

/** A key that exists, and has not been revoked. */
export interface FoundKey {
  readonly kind: BearerKind;
  readonly hash: Uint8Array;
  /** Undefined for a join token, which is nobody. A suspended device and one that was removed are found, and must be refused. */
  readonly principal:
    | OwnerPrincipal
    | WorkerPrincipal
    | (Omit<DevicePrincipal, 'state'> & { state: string })
    | undefined;
}

interface Shown {
  readonly kind: BearerKind;
  readonly hash: Buffer;
}

type Find = (db: Kysely<Schema>, hashes: readonly Buffer[]) => Promise<readonly Pick<FoundKey, 'hash' | 'principal'>[]>;

const FIND: { readonly [kind in BearerKind]: Find } = {
  owner: findOwners,
  device: findDevices,
  worker: findWorkers,
  join: findJoinTokens,
};

export class KeyLookup {
  readonly #db: Kysely<Schema>;
  readonly #keys: Gathered<Shown, FoundKey>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
    this.#keys = new Gathered<Shown, FoundKey>((shown) => this.#find(shown), nameOf, nameOf);
  }

  /** Undefined for a key that nobody has. Throws what the store throws, and CANCELED when the caller has left before its turn. */
  find(kind: BearerKind, hash: Buffer, signal?: AbortSignal): Promise<FoundKey | undefined> {
    return inStore(() => this.#keys.get({ kind, hash }, signal));
  }

  async #find(shown: readonly Shown[]): Promise<FoundKey[]> {
    const found: FoundKey[] = [];
    for (const kind of new Set(shown.map((each) => each.kind))) {
      const hashes = shown.filter((each) => each.kind === kind).map(({ hash }) => hash);
      for (const each of await FIND[kind](this.#db, hashes)) found.push({ kind, ...each });
    }
    return found;
  }
}

const nameOf = ({ kind, hash }: Pick<FoundKey, 'kind' | 'hash'>): string =>
  `${kind} ${Buffer.from(hash).toString('base64')}`;

const among = (hashes: readonly Buffer[]) => sql<Buffer>`any(${[...hashes]}::bytea[])`;

async function findOwners(db: Kysely<Schema>, hashes: readonly Buffer[]): ReturnType<Find> {
  const rows = await db
    .selectFrom('api_key')
    .innerJoin('tenant', 'tenant.id', 'api_key.tenant')
    .select(['api_key.id', 'api_key.tenant', 'api_key.hash', 'api_key.scopes', 'tenant.name'])
    .where('hash', '=', among(hashes))
    .where('kind', '=', 'owner')
    .where('revoked_at', 'is', null)
    .execute();
  return rows.map(({ hash, tenant, id, name, scopes }) => ({
    hash,
    principal: { kind: 'owner', tenant, id, name, scopes: scopes as Readonly<Record<string, unknown>> },
  }));
}

interface DeviceRow {
  readonly tenant: string;
  readonly id: string;
  readonly name: string;
  readonly key_hash: Buffer;
  readonly state: string;
}

async function findDevices(db: Kysely<Schema>, hashes: readonly Buffer[]): ReturnType<Find> {
  // Who shows the secret of a device that was removed, or is being removed, was that device.
  const { rows } = await sql<DeviceRow>`
    select d.tenant, d.id, d.name, d.key_hash,
      case when d.state = 'suspended' and r.id is not null then 'removed' else d.state end as state
    from device d left join removed_device r on r.tenant = d.tenant and r.id = d.id
    where d.key_hash = ${among(hashes)}
    union all
    select r.tenant, r.id, r.name, r.key_hash, 'removed' from removed_device r
    where r.key_hash = ${among(hashes)} and not exists (select from device d where d.key_hash = r.key_hash)`.execute(
    db,
  );
  return rows.map(({ key_hash: hash, ...device }) => ({ hash, principal: { kind: 'device', ...device } }));
}

async function findJoinTokens(db: Kysely<Schema>, hashes: readonly Buffer[]): ReturnType<Find> {
  const rows = await db.selectFrom('join_token').select('hash').where('hash', '=', among(hashes)).execute();
  return rows.map(({ hash }) => ({ hash, principal: undefined }));
}
