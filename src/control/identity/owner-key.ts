// The owner's first key: made at the first start, in a file that only the owner can read, and known to the database by hash.
import { type Kysely, sql } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { newId } from '../../base/ids.ts';
import { writeAudit } from '../ledger/audit.ts';
import type { Schema } from '../store/schema.ts';
import { inStore } from '../store/sql-failure.ts';
import { readOrCreateKey } from './key-file.ts';
import { hashKey } from './keys.ts';
import type { KeyCache } from './principal.ts';

/** The tenant of a single-owner installation. */
export const DEFAULT_TENANT = 'default';

export interface OwnerKey {
  readonly key: string;
  readonly file: string;
  readonly tenant: string;
}

/**
 * Makes or reads `<home>/owner.key`, and sees to it that the tenant `default` and the key's hash are in the database (also a
 * new or restored one). Throws SECRET_FILE_UNSAFE, and OWNER_KEY_REVOKED when the database refuses that key for good.
 */
export async function ensureOwnerKey(db: Kysely<Schema>, home: string): Promise<OwnerKey> {
  const file = homePaths(home).ownerKey;
  const key = readOrCreateKey(file, 'owner');
  await inStore(() => register(db, file, hashKey(key)));
  return { key, file, tenant: DEFAULT_TENANT };
}

async function register(db: Kysely<Schema>, file: string, hash: Uint8Array): Promise<void> {
  await db
    .insertInto('tenant')
    .values({ id: DEFAULT_TENANT, name: DEFAULT_TENANT })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const id = newId();
  const added = await db
    .insertInto('api_key')
    .values({ id, tenant: DEFAULT_TENANT, hash, kind: 'owner', scopes: JSON.stringify({}), revoked_at: null })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst();
  if (added) {
    await writeAudit(db, [
      { tenant: DEFAULT_TENANT, principal: 'control', action: 'owner_key.register', subject: `owner:${id}` },
    ]);
  } else {
    const known = await db
      .selectFrom('api_key')
      .select('revoked_at')
      .where('hash', '=', Buffer.from(hash))
      .executeTakeFirst();
    if (known?.revoked_at) throw new AppError('OWNER_KEY_REVOKED', { file });
  }
}

/** Revokes an owner key by its id; throws NOT_FOUND when the tenant has no such valid key. */
export async function revokeOwnerKey(
  db: Kysely<Schema>,
  cache: KeyCache,
  tenant: string,
  id: string,
  by: string,
): Promise<void> {
  const update = db
    .updateTable('api_key')
    .set({ revoked_at: sql`now()` })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('id');
  const revoked = await inStore(() => update.executeTakeFirst());
  cache.forget(id);
  if (!revoked) throw new AppError('NOT_FOUND', { kind: 'key' });
  await writeAudit(db, [{ tenant, principal: by, action: 'owner_key.revoke', subject: `owner:${id}` }]);
}
