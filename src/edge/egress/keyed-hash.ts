// The hash that may leave without a grant: it tells the owner's cloud that a file is the same as before, and nothing else.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readPrivate, writePrivate } from '../../base/private-file.ts';

/** The device's key for such hashes, made at the first start. @throws SECRET_FILE_UNSAFE */
export async function loadHashKey(file: string): Promise<Uint8Array> {
  const known = await readPrivate(file);
  if (known === undefined) await writePrivate(file, `${randomBytes(32).toString('hex')}\n`, { replace: false });
  return Buffer.from((known ?? (await readPrivate(file)) ?? '').trim(), 'hex');
}

/** HMAC-SHA-256 of path and content, hex. The path keeps two files with one content apart. */
export function keyedHash(key: Uint8Array, name: string, content: Uint8Array): string {
  return createHmac('sha256', key).update(name).update('\0').update(content).digest('hex');
}

export const sha256 = (content: Uint8Array): Uint8Array => createHash('sha256').update(content).digest();
