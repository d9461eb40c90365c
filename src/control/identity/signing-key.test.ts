import { createHash, createPublicKey, verify } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadSigningKey } from './signing-key.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'bowline-test-signing-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const ascii = (text: string) => Buffer.from(text, 'latin1');

test('a signature verifies with the raw public key under its own domain only, and the key stays the same', async () => {
  const key = await loadSigningKey(home);
  const again = await loadSigningKey(home);
  expect(again.id).toBe(key.id);
  expect(key.id).toBe(createHash('sha256').update(key.publicKey).digest('hex').slice(0, 16));
  expect((await stat(join(home, 'control', 'signing.key'))).mode & 0o777).toBe(0o600);
  const signature = key.sign(ascii('one\0'), ascii('call'));
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key.publicKey).toString('base64url') };
  const valid = (signed: string) => verify(null, ascii(signed), createPublicKey({ key: jwk, format: 'jwk' }), signature);
  expect([valid('one\0call'), valid('two\0call'), valid('call')]).toEqual([true, false, false]);
});

test('two programs that start at once get the same key', async () => {
  const keys = await Promise.all([1, 2, 3].map(() => loadSigningKey(home)));
  expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
});

test('a file that holds no Ed25519 key is refused, not replaced', async () => {
  await loadSigningKey(home);
  await writeFile(join(home, 'control', 'signing.key'), 'nothing');
  await expect(loadSigningKey(home)).rejects.toMatchObject({ reason: 'SECRET_FILE_UNSAFE' });
});
