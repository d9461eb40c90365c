// The control plane's Ed25519 key for tool calls: one for all replicas, made once and kept in the database. It gives
// signatures, never the key.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import type { Logger } from '../../base/logger.ts';
import { readPrivate } from '../../base/private-file.ts';
import { inStore } from '../../base/sql-failure.ts';
import { rawPublicKey, type ToolCallSigner } from '../../contract/tool-call.ts';
import type { Schema } from '../store/schema.ts';

export interface ToolCallKey extends ToolCallSigner {
  /** First 16 hex digits of SHA-256 over the raw public key. */
  readonly id: string;
  /** The raw public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The Ed25519 signature over prefix and bytes; the prefix names the domain, so that a signature fits nowhere else. */
  sign(prefix: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** 32 secret bytes that are the same for the same name, on every replica, and tell nothing of any others or of the key. */
  secretOf(name: string): Uint8Array;
}

/**
 * The key in the database. The first replica that asks brings the one of its home (`control/signing.key`, where earlier
 * versions kept it) or a new one; replicas that start together get the same. Throws SECRET_FILE_UNSAFE, DATABASE_UNUSABLE.
 */
export async function loadSigningKey(db: Kysely<Schema>, home: string, log: Logger): Promise<ToolCallKey> {
  const file = join(homePaths(home).control, 'signing.key');
  const imported = readPrivate(file);
  const own = imported === undefined ? undefined : parse(imported, (problem) => unsafe(file, problem));
  const stored = await inStore(() => sharedKey(db, imported ?? newPem()));
  const privateKey = parse(
    stored,
    (problem) => new AppError('DATABASE_UNUSABLE', { problem: `signing key: ${problem}` }),
  );
  if (own && !own.equals(privateKey)) {
    // Devices that joined through this home pinned the key of the file; they refuse the other one and say so.
    log.warn('the key file of this home is not the signing key of the database and is not used', { file });
  }
  const publicKey = rawPublicKey(createPublicKey(privateKey));
  return {
    id: createHash('sha256').update(publicKey).digest('hex').slice(0, 16),
    publicKey,
    sign: (prefix, bytes) => sign(null, Buffer.concat([prefix, bytes]), privateKey),
    secretOf: (name) => secretFrom(privateKey, name),
  };
}

/** One statement under the lock of the row: whoever comes first decides. */
async function sharedKey(db: Kysely<Schema>, offered: string): Promise<string> {
  const { rows } = await sql<{ key: string }>`
    insert into control_state (signing_key) values (${offered})
    on conflict (one) do update set signing_key = coalesce(control_state.signing_key, excluded.signing_key)
    returning signing_key as key`.execute(db);
  return rows[0]!.key;
}

/** HKDF (RFC 5869) of the private key, with a domain of its own. */
function secretFrom(key: KeyObject, name: string): Uint8Array {
  const bytes = key.export({ format: 'der', type: 'pkcs8' });
  return new Uint8Array(hkdfSync('sha256', bytes, 'bowline named secret v1', sha256(name), 32));
}

const newPem = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

function parse(pem: string, failure: (problem: string) => AppError): KeyObject {
  const problem =
    'does not hold an Ed25519 key; restore it from a backup. A key that is made anew is one that no device knows: each joins again, and owners copy control.pin again';
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw failure(problem);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw failure(problem);
  return key;
}

const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();

const unsafe = (file: string, problem: string) => new AppError('SECRET_FILE_UNSAFE', { file, problem });
