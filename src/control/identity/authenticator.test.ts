import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import type { Schema } from '../store/schema.ts';
import { Authenticator } from './authenticator.ts';
import { Devices } from './devices.ts';
import { KeyLookup } from './key-lookup.ts';
import { newKey } from './keys.ts';

test('a database that does not answer is told as unavailable, never as a wrong key', async () => {
  const db = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }),
  });
  const auth = new Authenticator(new KeyLookup(db), systemClock);
  const devices = new Devices(db, auth);
  const ref = { tenant: 'a', id: 'b' };
  const unavailable = { reason: 'STORE_UNAVAILABLE', retryable: true };
  await expect(auth.authenticate(newKey('device'))).rejects.toMatchObject(unavailable);
  await expect(devices.byId('a', 'b')).rejects.toMatchObject(unavailable);
  await expect(devices.moveAnchor(ref, 1, { id: 'j', sequence: 1, head: Uint8Array.of(1) })).rejects.toMatchObject(
    unavailable,
  );
  await db.destroy();
});
