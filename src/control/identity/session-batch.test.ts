import { expect, test } from 'vitest';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { newId } from '../../base/ids.ts';
import { Devices } from './devices.ts';
import { hashKey, newKey } from './keys.ts';
import type { SessionStart } from './session-batch.ts';

onBothDatabases('sessions that begin together', (under) => {
  test('one that the database can never take, or that was judged too early, fails no other', async () => {
    const devices = new Devices(under.db, { forget: () => {} });
    const [tenant, public_key] = [newId(), new Uint8Array(32)];
    const start = async (name: string): Promise<SessionStart> => {
      const id = newId();
      await under.db
        .insertInto('device')
        .values({ tenant, id, name, key_hash: hashKey(newKey('device')), public_key })
        .execute();
      const known = await devices.byId(tenant, id);
      const journal = { id: 'j1', sequence: 7, head: Uint8Array.of(1, 2, 3) };
      return { known, manifest: Uint8Array.of(1), journal, replica: 'r1', bootId: 'boot' };
    };
    const [first, a, bad, late, b] = [
      await start('first'),
      await start('a'),
      await start('bad'),
      await start('late'),
      await start('b'),
    ];
    await devices.openSession(late);
    const beyond = { ...bad, journal: { ...bad.journal, sequence: 2 ** 64 } };
    // The first goes alone; the others meet while it is under way.
    const ended = await Promise.allSettled([first, a, beyond, late, b].map((each) => devices.openSession(each)));
    const told = ended.map((end) => (end.status === 'fulfilled' ? end.value : end.reason.reason));
    expect(told).toEqual([1, 1, 'STORE_REFUSED', undefined, 1]);
    expect(await devices.byId(tenant, bad.known.id)).toMatchObject({ sessionEpoch: 0, journal: null });
  });
});
