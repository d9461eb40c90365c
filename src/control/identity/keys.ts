// Bearer keys: how they are made, told apart and hashed. A key itself is never stored or logged, only its hash.
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** `bwo_` owner, `bwd_` device, `bww_` worker, `bwj_` join token. */
const PREFIX = { owner: 'bwo_', device: 'bwd_', worker: 'bww_', join: 'bwj_' } as const;

export type BearerKind = keyof typeof PREFIX;

/** 32 bytes in base64url without padding. */
const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** A new key of 256 bits, random by default. Devices make their own (`bwd_`) on the box and send only its hash. */
export function newKey(kind: BearerKind, bits: Uint8Array = randomBytes(32)): string {
  return PREFIX[kind] + Buffer.from(bits).toString('base64url');
}

/** Of worker keys and join tokens, which have no other name: part of their hash. */
export const keyId = (hash: Uint8Array): string => Buffer.from(hash).toString('hex').slice(0, 16);

/** The kind of a well-formed key; undefined for anything else. */
export function kindOf(key: string): BearerKind | undefined {
  for (const [kind, prefix] of Object.entries(PREFIX)) {
    if (key.startsWith(prefix) && SECRET.test(key.slice(prefix.length))) return kind as BearerKind;
  }
  return undefined;
}

/** SHA-256 over the ASCII of the whole key, prefix included. Keys are random, so a fast hash is enough. */
export function hashKey(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

/** Compares two hashes or public keys in constant time; different lengths are different. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
