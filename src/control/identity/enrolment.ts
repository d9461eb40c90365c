// How a box becomes a device: a join token, used once, binds a key that the box made to a tenant and a name.
import { type Kysely, sql } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { bareKey, withPin } from '../../base/pin.ts';
import { inStore } from '../../base/sql-failure.ts';
import { writeAudit, writeAuditOnce } from '../ledger/audit.ts';
import type { Schema } from '../store/schema.ts';
import type { KeyLookup } from './key-lookup.ts';
import { hashKey, keyId, kindOf, newKey, sameBytes } from './keys.ts';

/** What an edge sends to join. */
export interface JoiningBox {
  readonly token: string;
  /** The name it would like; the token's own name wins. 1 to 64 of `a-z`, `0-9`, `-`. */
  readonly name: string;
  /** Raw Ed25519 public key, 32 bytes, of a pair made on the box. */
  readonly publicKey: Uint8Array;
  /** SHA-256 over the whole bearer key (`bwd_...`) that the box made for itself. */
  readonly secretSha256: Uint8Array;
}

export interface Enrolled {
  readonly deviceId: string;
  readonly tenant: string;
  readonly name: string;
}

/** Longest life of a join token: a day. */
const MAX_TTL_MS = 24 * 3_600_000;
/** As `bowline.edge.v1.JoinRequest` has it. */
const NAME = /^(?=.{1,64}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

type Refusal = 'JOIN_TOKEN_INVALID' | 'DEVICE_SUSPENDED';

export class Enrolment {
  readonly #db: Kysely<Schema>;
  readonly #lookup: Pick<KeyLookup, 'find'>;
  readonly #publicKey: Uint8Array;

  /** @param publicKey raw, by which devices know this control plane */
  constructor(db: Kysely<Schema>, lookup: Pick<KeyLookup, 'find'>, publicKey: Uint8Array) {
    this.#db = db;
    this.#lookup = lookup;
    this.#publicKey = publicKey;
  }

  /**
   * A token for one device of the tenant, valid for `ttlMs` (1 s to 1 day), with the pin of this control plane behind it.
   * @param name the device's name; empty lets the device choose.
   * @param token the bare token; a new one by default. Throws REQUEST_ID_REUSED for one that was made before
   */
  async createJoinToken(
    tenant: string,
    name: string,
    ttlMs: number,
    by: string,
    token: string = newKey('join'),
    db: Kysely<Schema> = this.#db,
  ): Promise<{ token: string; id: string; expiresAt: number }> {
    if (name !== '') checkName(name);
    if (!(ttlMs >= 1_000 && ttlMs <= MAX_TTL_MS)) {
      throw new AppError('INVALID_ARGUMENT', { what: 'a join token lives between one second and one day' });
    }
    const hash = hashKey(token);
    const insert = db
      .insertInto('join_token')
      .values({
        hash,
        tenant,
        name,
        expires_at: sql`now() + make_interval(secs => ${ttlMs / 1_000})`,
        redeemed_by: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('expires_at');
    const row = await inStore(() => insert.executeTakeFirst());
    if (!row) throw new AppError('REQUEST_ID_REUSED', { id: 'of that token' });
    await writeAudit(db, [{ tenant, principal: by, action: 'join_token.create', subject: `name:${name}` }]);
    return { token: withPin(token, this.#publicKey), id: keyId(hash), expiresAt: row.expires_at.getTime() };
  }

  /**
   * Enrols a device. Repeating it with the same keys gives the same device, so a lost answer is harmless; other keys with a
   * used token are refused and told in the audit; the device goes on. Throws JOIN_TOKEN_INVALID, DEVICE_SUSPENDED,
   * DEVICE_NAME_TAKEN (the token stays good), INVALID_ARGUMENT, and CANCELED when the caller has left meanwhile.
   */
  async join(request: JoiningBox, signal?: AbortSignal): Promise<Enrolled> {
    check(request);
    const token = bareKey(request.token);
    if (kindOf(token) !== 'join') throw new AppError('JOIN_TOKEN_INVALID');
    // Who guesses costs no transaction.
    if (!(await this.#lookup.find('join', hashKey(token), signal))) throw new AppError('JOIN_TOKEN_INVALID');
    const outcome = await inStore(() =>
      this.#db.transaction().execute((trx) => this.#join(trx, { ...request, token })),
    );
    // Refusals that leave a trace are returned, not thrown, because a throw would roll the trace back.
    if ('refusal' in outcome) {
      // Who holds only a used token learns nothing, not even that it was one.
      if (outcome.refusal === 'JOIN_TOKEN_INVALID') throw new AppError('JOIN_TOKEN_INVALID');
      throw suspended(outcome.name);
    }
    return outcome;
  }

  async #join(trx: Kysely<Schema>, request: JoiningBox): Promise<Enrolled | { refusal: Refusal; name: string }> {
    const invalid = { refusal: 'JOIN_TOKEN_INVALID', name: '' } as const;
    const hash = hashKey(request.token);
    const token = await trx
      .selectFrom('join_token')
      .select([
        'hash',
        'tenant',
        'name',
        'redeemed_by',
        sql<boolean>`expires_at > now() and revoked_at is null`.as('fresh'),
      ])
      .where('hash', '=', hash)
      .forUpdate()
      .executeTakeFirst();
    if (!token || !sameBytes(token.hash, hash)) return invalid;
    if (token.redeemed_by !== null) return this.#again(trx, token.tenant, token.redeemed_by, request);
    if (!token.fresh) {
      // Whoever shows it has it from somewhere: the owner is told of that, too.
      const subject = `name:${token.name}`;
      await writeAuditOnce(trx, { tenant: token.tenant, principal: 'join', action: 'join_token.expired', subject });
      return invalid;
    }
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

  /** A used token: the same keys are the same device, others are refused. */
  async #again(
    trx: Kysely<Schema>,
    tenant: string,
    id: string,
    request: JoiningBox,
  ): Promise<Enrolled | { refusal: Refusal; name: string }> {
    const device = await trx
      .selectFrom('device')
      .select(['id', 'name', 'state', 'public_key', 'key_hash'])
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    const reused = { tenant, principal: 'join', action: 'join_token.reused', subject: `device:${id}` };
    if (!device) {
      await writeAuditOnce(trx, { ...reused, detail: { removed: true } });
      return { refusal: 'JOIN_TOKEN_INVALID', name: '' };
    }
    const { name } = device;
    const sameKeys =
      device.public_key !== null &&
      sameBytes(device.public_key, request.publicKey) &&
      sameBytes(device.key_hash, request.secretSha256);
    if (sameKeys)
      return device.state === 'suspended' ? { refusal: 'DEVICE_SUSPENDED', name } : { deviceId: id, tenant, name };
    // A spent token is no credential: whoever shows it acts on nobody, and the owner is told.
    await writeAuditOnce(trx, { ...reused, detail: { name } });
    return { refusal: 'JOIN_TOKEN_INVALID', name };
  }

  /** A new device, or the one that these keys belong to already (a box that joins its own tenant anew). */
  async #insert(trx: Kysely<Schema>, tenant: string, name: string, request: JoiningBox): Promise<Enrolled> {
    const { publicKey, secretSha256 } = request;
    const added = await trx
      .insertInto('device')
      .values({ tenant, id: newId(), name, key_hash: secretSha256, public_key: publicKey })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst();
    if (added) return { deviceId: added.id, tenant, name };
    const same = await trx
      .selectFrom('device')
      .select(['tenant', 'id', 'name', 'state', 'public_key'])
      .where('key_hash', '=', Buffer.from(secretSha256))
      .executeTakeFirst();
    if (!same) throw new AppError('DEVICE_NAME_TAKEN', { name });
    if (same.tenant !== tenant || same.public_key === null || !sameBytes(same.public_key, publicKey)) {
      throw keysTaken();
    }
    if (same.state === 'suspended') throw suspended(same.name);
    return { deviceId: same.id, tenant, name: same.name };
  }
}

function check({ name, publicKey, secretSha256 }: JoiningBox): void {
  checkName(name);
  checkBytes(publicKey, 'the public key (Ed25519)');
  checkBytes(secretSha256, 'the secret hash (SHA-256)');
}

function checkBytes(bytes: Uint8Array, what: string): void {
  if (bytes.byteLength !== 32) throw new AppError('INVALID_ARGUMENT', { what: `${what} must be 32 bytes` });
}

const suspended = (device: string) => new AppError('DEVICE_SUSPENDED', { device });

const keysTaken = () =>
  new AppError('INVALID_ARGUMENT', { what: 'these keys belong to another device; make new ones' });

function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new AppError('INVALID_ARGUMENT', {
    what: 'a device name has 1 to 64 of a-z, 0-9 and "-", and neither begins nor ends with "-"',
  });
}
