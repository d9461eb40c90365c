// How a box becomes a device: a join token, used once, binds a key that the box made to a tenant and a name.
import { type Kysely, sql } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { writeAudit } from '../ledger/audit.ts';
import type { Schema } from '../store/schema.ts';
import type { KeyCache } from './authenticator.ts';
import { hashKey, kindOf, newKey, sameBytes } from './keys.ts';

/** What an edge sends to join. */
export interface JoinRequest {
  readonly token: string;
  /** The name it would like; the token's own name wins. 1 to 63 of letters, digits, `.`, `_`, `-`. */
  readonly name: string;
  /** Raw Ed25519 public key, 32 bytes, of a pair made on the box. */
  readonly publicKey: Uint8Array;
  /** SHA-256 over the whole bearer key (`bwd_...`) that the box made for itself. */
  readonly secretHash: Uint8Array;
}

export interface Enrolled {
  readonly deviceId: string;
  readonly tenant: string;
  readonly name: string;
}

/** Longest life of a join token: 7 days. */
const MAX_TTL_MS = 7 * 24 * 3_600_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

type Refusal = 'JOIN_TOKEN_INVALID' | 'DEVICE_SUSPENDED';

export class Enrolment {
  readonly #db: Kysely<Schema>;
  readonly #cache: KeyCache;

  constructor(db: Kysely<Schema>, cache: KeyCache) {
    this.#db = db;
    this.#cache = cache;
  }

  /**
   * A token for one device of the tenant, valid for `ttlMs` (1 s to 7 days).
   * @param name the device's name; empty lets the device choose.
   */
  async createJoinToken(
    tenant: string,
    name: string,
    ttlMs: number,
    by: string,
  ): Promise<{ token: string; expiresAt: number }> {
    if (name !== '') checkName(name);
    if (!(ttlMs >= 1_000 && ttlMs <= MAX_TTL_MS)) {
      throw new AppError('INVALID_ARGUMENT', { what: 'a join token lives between one second and seven days' });
    }
    const token = newKey('join');
    const row = await this.#db
      .insertInto('join_token')
      .values({
        hash: hashKey(token),
        tenant,
        name,
        expires_at: sql`now() + make_interval(secs => ${ttlMs / 1_000})`,
        redeemed_by: null,
      })
      .returning('expires_at')
      .executeTakeFirstOrThrow();
    await writeAudit(this.#db, [{ tenant, principal: by, action: 'join_token.create', subject: `name:${name}` }]);
    return { token, expiresAt: row.expires_at.getTime() };
  }

  /**
   * Enrols a device. Repeating it with the same keys gives the same device, so a lost answer is harmless; other keys with a
   * used token suspend the device, because one of the two is a thief. Throws JOIN_TOKEN_INVALID, DEVICE_SUSPENDED,
   * DEVICE_NAME_TAKEN (the token stays good) and INVALID_ARGUMENT.
   */
  async join(request: JoinRequest): Promise<Enrolled> {
    check(request);
    if (kindOf(request.token) !== 'join') throw new AppError('JOIN_TOKEN_INVALID');
    const outcome = await this.#db.transaction().execute((trx) => this.#join(trx, request));
    // Refusals that leave a trace are returned, not thrown, because a throw would roll the trace back.
    if ('refusal' in outcome) {
      if (outcome.suspended) this.#cache.forget(outcome.suspended);
      throw new AppError(outcome.refusal, {
        device: outcome.name,
        why: 'its join token was used a second time with another key',
      });
    }
    return outcome;
  }

  async #join(
    trx: Kysely<Schema>,
    request: JoinRequest,
  ): Promise<Enrolled | { refusal: Refusal; name: string; suspended?: string }> {
    const invalid = { refusal: 'JOIN_TOKEN_INVALID', name: '' } as const;
    const hash = hashKey(request.token);
    const token = await trx
      .selectFrom('join_token')
      .select(['hash', 'tenant', 'name', 'redeemed_by', sql<boolean>`expires_at > now()`.as('fresh')])
      .where('hash', '=', hash)
      .forUpdate()
      .executeTakeFirst();
    if (!token || !sameBytes(token.hash, hash)) return invalid;
    if (token.redeemed_by !== null) return this.#again(trx, token.tenant, token.redeemed_by, request);
    if (!token.fresh) return invalid;
    const device = await this.#insert(trx, token.tenant, token.name || request.name, request);
    await trx.updateTable('join_token').set({ redeemed_by: device.deviceId }).where('hash', '=', hash).execute();
    const { tenant, deviceId, name } = device;
    await writeAudit(trx, [
      {
        tenant,
        principal: `device:${deviceId}`,
        action: 'device.join',
        subject: `device:${deviceId}`,
        detail: { name },
      },
    ]);
    return device;
  }

  /** A used token: the same keys are the same device, others are an attack. */
  async #again(
    trx: Kysely<Schema>,
    tenant: string,
    id: string,
    request: JoinRequest,
  ): Promise<Enrolled | { refusal: Refusal; name: string; suspended?: string }> {
    const device = await trx
      .selectFrom('device')
      .select(['id', 'name', 'state', 'public_key', 'key_hash'])
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (!device) return { refusal: 'JOIN_TOKEN_INVALID', name: '' };
    const { name } = device;
    const sameKeys =
      device.public_key !== null &&
      sameBytes(device.public_key, request.publicKey) &&
      sameBytes(device.key_hash, request.secretHash);
    if (sameKeys)
      return device.state === 'suspended' ? { refusal: 'DEVICE_SUSPENDED', name } : { deviceId: id, tenant, name };
    if (device.state !== 'suspended') {
      await trx
        .updateTable('device')
        .set({ state: 'suspended' })
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .execute();
    }
    const why = 'a second redemption of its join token';
    await writeAudit(trx, [
      { tenant, principal: 'join', action: 'device.suspend', subject: `device:${id}`, detail: { why } },
    ]);
    return { refusal: 'JOIN_TOKEN_INVALID', name, suspended: id };
  }

  /** A new device, or the one that these keys belong to already (a box that joins its own tenant anew). */
  async #insert(trx: Kysely<Schema>, tenant: string, name: string, request: JoinRequest): Promise<Enrolled> {
    const { publicKey, secretHash } = request;
    const added = await trx
      .insertInto('device')
      .values({ tenant, id: newId(), name, key_hash: secretHash, public_key: publicKey })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst();
    if (added) return { deviceId: added.id, tenant, name };
    const same = await trx
      .selectFrom('device')
      .select(['tenant', 'id', 'name', 'state', 'public_key'])
      .where('key_hash', '=', Buffer.from(secretHash))
      .executeTakeFirst();
    if (!same) throw new AppError('DEVICE_NAME_TAKEN', { name });
    if (same.tenant !== tenant || same.public_key === null || !sameBytes(same.public_key, publicKey)) {
      throw new AppError('INVALID_ARGUMENT', { what: 'these keys belong to another device; make new ones' });
    }
    if (same.state === 'suspended')
      throw new AppError('DEVICE_SUSPENDED', { device: same.name, why: 'it was suspended before' });
    return { deviceId: same.id, tenant, name: same.name };
  }
}

function check({ name, publicKey, secretHash }: JoinRequest): void {
  checkName(name);
  if (publicKey.byteLength !== 32)
    throw new AppError('INVALID_ARGUMENT', { what: 'the public key must be 32 bytes (Ed25519)' });
  if (secretHash.byteLength !== 32)
    throw new AppError('INVALID_ARGUMENT', { what: 'the secret hash must be 32 bytes (SHA-256)' });
}

function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new AppError('INVALID_ARGUMENT', {
    what: 'a device name has 1 to 63 letters, digits, ".", "_" or "-", and begins with a letter or digit',
  });
}
