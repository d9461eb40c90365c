// The owner's first key: made at the first start, in a file that only the owner can read, and known to the database by hash.
import type { Kysely } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { newId } from '../../base/ids.ts';
import { inStore } from '../../base/sql-failure.ts';
import { writeAudit } from '../ledger/audit.ts';
import type { Schema } from '../store/schema.ts';
import { readOrCreateKey } from './key-file.ts';
import { hashKey } from './keys.ts';

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
