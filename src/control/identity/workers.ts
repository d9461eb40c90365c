// Worker keys: what a worker may serve, for whom, in which pool; and whether its Hello claims more.
import { type Kysely, sql } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { bareKey, withPin } from '../../base/pin.ts';
import { readOrCreatePrivate, writePrivate } from '../../base/private-file.ts';
import { inStore } from '../../base/sql-failure.ts';
import { writeAudit } from '../ledger/audit.ts';
import type { Schema } from '../store/schema.ts';
import { hashKey, keyId, kindOf, newKey } from './keys.ts';
import type { WorkerPrincipal } from './principal.ts';

/** What a worker key allows. */
export interface WorkerGrant {
  /** Null: any tenant. */
  readonly tenant: string | null;
  readonly name: string;
  /** Capability packages; `*` is any. */
  readonly packages: readonly string[];
  readonly pool: string;
}

/** What a worker's Hello says of itself. */
export interface WorkerClaim {
  readonly packages: readonly string[];
  /** Left out: its key's. */
  readonly pool?: string;
  /** Tenants it wants to work for; left out or empty: all that its key allows. */
  readonly tenants?: readonly string[];
}

/** Enters a new key and returns its id; the key cannot be shown again. Throws REQUEST_ID_REUSED for one that was entered before. */
export async function enterWorkerKey(db: Kysely<Schema>, key: string, grant: WorkerGrant, by: string): Promise<string> {
  if (!(await insert(db, key, grant, by))) throw new AppError('REQUEST_ID_REUSED', { id: 'of that key' });
  return keyId(hashKey(key));
}

/**
 * The key in a 0600 file, behind it the pin of the control plane; made at the first start and registered with this grant at
 * each; for the workers that run beside the control plane. In the place of a revoked one, which stays revoked, a new one is made.
 */
export async function ensureWorkerKey(
  db: Kysely<Schema>,
  file: string,
  grant: WorkerGrant,
  publicKey: Uint8Array,
): Promise<string> {
  const text = readOrCreatePrivate(file, () => `${withPin(newKey('worker'), publicKey)}\n`).trim();
  const key = bareKey(text);
  if (kindOf(key) !== 'worker') {
    throw new AppError('SECRET_FILE_UNSAFE', {
      file,
      problem: 'does not hold a worker key; remove it to get a new one',
    });
  }
  const valid = await register(db, key, grant, 'control');
  const used = valid ? key : newKey('worker');
  if (!valid) await register(db, used, grant, 'control');
  const whole = withPin(used, publicKey);
  if (text !== whole) writePrivate(file, `${whole}\n`, { replace: true });
  return used;
}

/** False when the key is revoked. */
async function register(db: Kysely<Schema>, key: string, grant: WorkerGrant, by: string): Promise<boolean> {
  if (await insert(db, key, grant, by)) return true;
  const { tenant, name, pool } = grant;
  const update = db
    .updateTable('worker_token')
    .set({ tenant, name, packages: [...grant.packages], pool })
    .where('hash', '=', hashKey(key))
    .where('revoked_at', 'is', null)
    .returning('name');
  return (await inStore(() => update.executeTakeFirst())) !== undefined;
}

/** False when the key is there already. */
async function insert(db: Kysely<Schema>, key: string, grant: WorkerGrant, by: string): Promise<boolean> {
  const hash = hashKey(key);
  const { tenant, name, pool } = grant;
  const packages = [...grant.packages];
  const added = db
    .insertInto('worker_token')
    .values({ hash, tenant, name, packages, pool, revoked_at: null })
    .onConflict((conflict) => conflict.doNothing())
    .returning('name');
  if (!(await inStore(() => added.executeTakeFirst()))) return false;
  const subject = `worker:${keyId(hash)}`;
  await writeAudit(db, [
    { tenant: tenant ?? '*', principal: by, action: 'worker_key.create', subject, detail: { name, pool } },
  ]);
  return true;
}

/** Of these keys, by id, those that are not valid any more. */
export async function endedWorkerKeys(db: Kysely<Schema>, ids: readonly string[]): Promise<Set<string>> {
  const id = sql<string>`left(encode(hash, 'hex'), 16)`;
  const query = db
    .selectFrom('worker_token')
    .select(id.as('id'))
    .where(id, '=', sql<string>`any(${[...ids]}::text[])`)
    .where('revoked_at', 'is', null);
  const valid = new Set((await inStore(() => query.execute())).map((row) => row.id));
  return new Set(ids.filter((each) => !valid.has(each)));
}

/** The principals of those keys, by their hashes, that are valid. */
export async function findWorkers(
  db: Kysely<Schema>,
  hashes: readonly Buffer[],
): Promise<{ hash: Uint8Array; principal: WorkerPrincipal }[]> {
  const rows = await db
    .selectFrom('worker_token')
    .selectAll()
    .where('hash', '=', sql<Buffer>`any(${[...hashes]}::bytea[])`)
    .where('revoked_at', 'is', null)
    .execute();
  return rows.map(({ hash, tenant, name, packages, pool }) => {
    const tenants = [tenant ?? '*'];
    return {
      hash,
      principal: { kind: 'worker', tenant: tenant ?? '*', id: keyId(hash), name, packages, pool, tenants },
    };
  });
}

/** The tenants that the worker serves from now on. Throws WORKER_CLAIM_REFUSED when it claims more than its key allows. */
export function verifyClaim(principal: WorkerPrincipal, claim: WorkerClaim): readonly string[] {
  const refuse = (what: string) => new AppError('WORKER_CLAIM_REFUSED', { what });
  const outside = (allowed: readonly string[], claimed: readonly string[]) =>
    allowed.includes('*') ? undefined : claimed.find((each) => !allowed.includes(each));
  const extra = outside(principal.packages, claim.packages);
  if (extra !== undefined) throw refuse(`serving ${extra}`);
  const { pool = principal.pool, tenants = [] } = claim;
  if (pool !== principal.pool) throw refuse(`the pool ${pool}`);
  const foreign = outside(principal.tenants, tenants);
  if (foreign !== undefined) throw refuse(`work for the tenant ${foreign}`);
  return tenants.length > 0 ? tenants : principal.tenants;
}
