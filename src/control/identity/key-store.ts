// The keys of a tenant as the database knows them: owners', workers' and join tokens. It lists them, makes owner keys and revokes any;
// it ends no sessions.
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { inStore } from '../../base/sql-failure.ts';
import { type ListPage, pageOfRows } from '../../contract/paging.ts';
import { writeAudit } from '../ledger/audit.ts';
import { type PageQuery, placeOfRow, readPageQuery } from '../store/page.ts';
import type { Schema } from '../store/schema.ts';
import { hashKey } from './keys.ts';
import { DEFAULT_TENANT } from './owner-key.ts';

export type ListedKind = 'owner' | 'worker' | 'join';

/** A key without the key itself. Times are milliseconds since 1970. */
export interface StoredKey {
  readonly id: string;
  readonly kind: ListedKind;
  readonly state: 'valid' | 'revoked' | 'used' | 'expired';
  readonly name: string;
  readonly packages: readonly string[];
  readonly pool: string;
  /** Device that joined with it. */
  readonly device: string;
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
  readonly revokedAt: number | undefined;
}

export interface KeysWanted extends PageQuery {
  readonly kind?: ListedKind | undefined;
  /** Also those that are not valid any more. */
  readonly all?: boolean;
}

export class KeyStore {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** Newest first. Throws INVALID_ARGUMENT for a page token that is not ours. */
  async list(tenant: string, wanted: KeysWanted = {}): Promise<ListPage<StoredKey>> {
    const { size, after } = readPageQuery(wanted);
    const older = after ? sql`(created_at, id) < (${after.at}::timestamptz, ${after.id}::text)` : sql`true`;
    const ofKind = wanted.kind === undefined ? sql`true` : sql`kind = ${wanted.kind}`;
    const standing = wanted.all ? sql`true` : sql`state = 'valid'`;
    const query = sql<Row>`select * from ${keysOf(tenant)} where ${older} and ${ofKind} and ${standing}
      order by created_at desc, id desc limit ${size + 1}`;
    const { rows } = await inStore(() => query.execute(this.#db));
    return pageOfRows(rows, size, placeOfRow, storedKey);
  }

  /** Enters a new owner key and returns its id. Throws REQUEST_ID_REUSED for one that was entered before. */
  async enterOwnerKey(trx: Kysely<Schema>, tenant: string, name: string, key: string, by: string): Promise<string> {
    const id = newId();
    const insert = trx
      .insertInto('api_key')
      .values({ id, tenant, hash: hashKey(key), kind: 'owner', name, scopes: JSON.stringify({}), revoked_at: null })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id');
    if (!(await inStore(() => insert.executeTakeFirst())))
      throw new AppError('REQUEST_ID_REUSED', { id: 'of that key' });
    await writeAudit(trx, [
      { tenant, principal: by, action: 'owner_key.create', subject: `owner:${id}`, detail: { name } },
    ]);
    return id;
  }

  /**
   * Revokes a key for good; `revoked` is false, and nothing happened, when it is not valid any more. Throws NOT_FOUND, the same for an
   * unknown id and one of another tenant, and LAST_OWNER_KEY.
   */
  async revoke(
    trx: Transaction<Schema>,
    tenant: string,
    id: string,
    by: string,
  ): Promise<{ readonly key: StoredKey; readonly revoked: boolean }> {
    // First the locks, in one order for all: of two owners who revoke each other's keys the second one sees what the first one did.
    await sql`select from api_key where tenant = ${tenant} and kind = 'owner' order by id for update`.execute(trx);
    const key = await this.#find(trx, tenant, id);
    if (key.state !== 'valid') return { key, revoked: false };
    await TAKE_BACK[key.kind](trx, tenant, id);
    const owners = trx.selectFrom('api_key').select('id').where('tenant', '=', tenant).where('kind', '=', 'owner');
    if (!(await owners.where('revoked_at', 'is', null).limit(1).executeTakeFirst()))
      throw new AppError('LAST_OWNER_KEY', { id });
    await writeAudit(trx, [
      { tenant, principal: by, action: ACTION[key.kind], subject: subjectOf(key), detail: { name: key.name } },
    ]);
    return { key: await this.#find(trx, tenant, id), revoked: true };
  }

  /** Of these owner keys, by id, those that are not valid any more. */
  async endedOwnerKeys(ids: readonly string[]): Promise<Set<string>> {
    const query = this.#db
      .selectFrom('api_key')
      .select('id')
      .where('id', '=', sql<string>`any(${[...ids]}::text[])`)
      .where('revoked_at', 'is', null);
    const valid = new Set((await inStore(() => query.execute())).map((row) => row.id));
    return new Set(ids.filter((id) => !valid.has(id)));
  }

  async #find(db: Kysely<Schema>, tenant: string, id: string): Promise<StoredKey> {
    const { rows } = await sql<Row>`select * from ${keysOf(tenant)} where id = ${id}`.execute(db);
    if (!rows[0]) throw new AppError('NOT_FOUND', { kind: 'key' });
    return storedKey(rows[0]);
  }
}

const ID = sql<string>`left(encode(hash, 'hex'), 16)`;

/** Keys of workers that belong to no tenant are the operator's, who is the owner of the first tenant. */
const worksFor = (tenant: string): RawBuilder<unknown> =>
  sql`(tenant = ${tenant} or (tenant is null and ${tenant} = ${DEFAULT_TENANT}))`;

const keysOf = (tenant: string): RawBuilder<unknown> => sql`(
  select *, case when revoked_at is not null then 'revoked' when device <> '' then 'used'
    when expires_at <= now() then 'expired' else 'valid' end as state
  from (
    select id, 'owner' as kind, name, '{}'::text[] as packages, '' as pool, '' as device, created_at,
      null::timestamptz as expires_at, revoked_at
    from api_key where tenant = ${tenant} and kind = 'owner'
    union all
    select ${ID}, 'worker', name, packages, pool, '', created_at, null, revoked_at
    from worker_token where ${worksFor(tenant)}
    union all
    select ${ID}, 'join', name, '{}', '', coalesce(redeemed_by, ''), created_at, expires_at, revoked_at
    from join_token where tenant = ${tenant}) as each_key) as key`;

const TAKE_BACK: {
  readonly [kind in ListedKind]: (trx: Kysely<Schema>, tenant: string, id: string) => Promise<unknown>;
} = {
  owner: (trx, tenant, id) =>
    sql`update api_key set revoked_at = now() where tenant = ${tenant} and id = ${id} and kind = 'owner'`.execute(trx),
  worker: (trx, tenant, id) =>
    sql`update worker_token set revoked_at = now() where ${worksFor(tenant)} and ${ID} = ${id}`.execute(trx),
  // A replica that does not know of revoked tokens sees that it is too late for it.
  join: (trx, tenant, id) =>
    sql`update join_token set revoked_at = now(), expires_at = least(expires_at, now())
      where tenant = ${tenant} and ${ID} = ${id} and redeemed_by is null`.execute(trx),
};

const ACTION = { owner: 'owner_key.revoke', worker: 'worker_key.revoke', join: 'join_token.revoke' } as const;

const subjectOf = ({ kind, id, name }: StoredKey): string => (kind === 'join' ? `name:${name}` : `${kind}:${id}`);

interface Row {
  readonly id: string;
  readonly kind: ListedKind;
  readonly state: StoredKey['state'];
  readonly name: string;
  readonly packages: string[];
  readonly pool: string;
  readonly device: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
}

const storedKey = ({ created_at, expires_at, revoked_at, ...same }: Row): StoredKey => ({
  ...same,
  createdAt: created_at.getTime(),
  expiresAt: expires_at?.getTime(),
  revokedAt: revoked_at?.getTime(),
});
