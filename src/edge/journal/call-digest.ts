// What a grant for one call alone is bound to. Pure.
import { createHash } from 'node:crypto';

/** SHA-256 of job, key and parameters in hex: another key, another method or other parameters are another call. */
export function callDigest({ job, key, params }: { job: string; key: string; params: Uint8Array }): string {
  const hash = createHash('sha256');
  for (const part of [Buffer.from(job), Buffer.from(key), params]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(part.length));
    hash.update(length).update(part);
  }
  return hash.digest('hex');
}
