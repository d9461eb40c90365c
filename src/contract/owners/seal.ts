// Seals bytes for one key and opens them: HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, by
// the platform's own WebCrypto. Who made what is sealed is told by the signature inside. Loaded only where a key is paired.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke';

/** For whom, and what it is about: it opens for nothing else. */
export interface SealContext {
  readonly tenant: string;
  readonly device: string;
  /** Id of the paired key. */
  readonly key: string;
  /** What the note is about. */
  readonly id: string;
}

const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);

/** DER head of an X25519 private key (RFC 8410); the 32 key bytes follow. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex');
/** Of an X25519 key. */
const ENC_BYTES = 32;

/** A new key pair, 32 raw bytes each. */
export async function newSealingKeys(): Promise<{ readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }> {
  const pair = await suite.GenerateKeyPair(true);
  const publicKey = await suite.SerializePublicKey(pair.publicKey);
  return { publicKey, privateKey: await suite.SerializePrivateKey(pair.privateKey) };
}

export async function seal(publicKey: Uint8Array, plain: Uint8Array, context: SealContext): Promise<Uint8Array> {
  const key = await suite.DeserializePublicKey(Uint8Array.from(publicKey));
  const { encapsulatedSecret, ciphertext } = await suite.Seal(key, plain, boundTo(context));
  return Buffer.concat([encapsulatedSecret, ciphertext]);
}

/** Undefined when it was not sealed for this key and this. */
export async function unseal(
  privateKey: Uint8Array,
  body: Uint8Array,
  context: SealContext,
): Promise<Uint8Array | undefined> {
  if (body.length <= ENC_BYTES) return undefined;
  try {
    const key = {
      privateKey: await suite.DeserializePrivateKey(Uint8Array.from(privateKey)),
      publicKey: await suite.DeserializePublicKey(publicOf(privateKey)),
    };
    const [enc, ciphertext] = [Uint8Array.from(body.subarray(0, ENC_BYTES)), Uint8Array.from(body.subarray(ENC_BYTES))];
    return await suite.Open(key, enc, ciphertext, boundTo(context));
  } catch {
    return undefined;
  }
}

/** WebCrypto would have to find it by a method that is still an experiment. */
function publicOf(privateKey: Uint8Array): Uint8Array<ArrayBuffer> {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, privateKey]), format: 'der', type: 'pkcs8' });
  return Uint8Array.from(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-ENC_BYTES));
}

const boundTo = ({ tenant, device, key, id }: SealContext) => ({
  info: new TextEncoder().encode(`bowline.owner-seal.v1\0${tenant}\0${device}\0${key}`),
  aad: new TextEncoder().encode(id),
});
