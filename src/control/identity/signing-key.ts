// The control plane's Ed25519 key for tool calls: made at the first start and kept in a file. It gives signatures, never the key.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { join } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { rawPublicKey, type ToolCallSigner } from '../../contract/tool-call.ts';
import { readOrCreateFile } from './secret-file.ts';

export interface SigningKey extends ToolCallSigner {
  /** First 16 hex digits of SHA-256 over the raw public key. */
  readonly id: string;
  /** The raw public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The Ed25519 signature over prefix and bytes; the prefix names the domain, so that a signature fits nowhere else. */
  sign(prefix: Uint8Array, bytes: Uint8Array): Uint8Array;
}

/** Makes or reads `<home>/control/signing.key` (PKCS #8, 0600). Throws SECRET_FILE_UNSAFE. */
export async function loadSigningKey(home: string): Promise<SigningKey> {
  const file = join(homePaths(home).control, 'signing.key');
  const pem = await readOrCreateFile(file, () =>
    generateKeyPairSync('ed25519', {
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    }).privateKey.toString(),
  );
  const privateKey = parse(file, pem);
  const publicKey = rawPublicKey(createPublicKey(privateKey));
  return {
    id: createHash('sha256').update(publicKey).digest('hex').slice(0, 16),
    publicKey,
    sign: (prefix, bytes) => sign(null, Buffer.concat([prefix, bytes]), privateKey),
  };
}

function parse(file: string, pem: string): KeyObject {
  const broken = (cause?: unknown) =>
    new AppError(
      'SECRET_FILE_UNSAFE',
      { file, problem: 'does not hold an Ed25519 key; restore it, or remove it and let the devices learn a new one' },
      { cause },
    );
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') throw broken();
    return key;
  } catch (error) {
    throw error instanceof AppError ? error : broken(error);
  }
}
