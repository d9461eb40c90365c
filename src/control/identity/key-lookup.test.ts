import { expect, test } from 'vitest';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { newId } from '../../base/ids.ts';
import { KeyLookup } from './key-lookup.ts';
import { hashKey, newKey } from './keys.ts';

onBothDatabases('the lookup of keys', (under) => {
  test('many at once take few statements, each gets its own, and what nobody has is found by nobody', async () => {
    let statements = 0;
    const counted = under.db.withPlugin({
      transformQuery: ({ node }) => {
        statements++;
        return node;
      },
      transformResult: async ({ result }) => result,
    });
    const tenant = newId();
    const devices = Array.from({ length: 20 }, (_, n) => ({ id: newId(), name: `d${n}`, key: newKey('device') }));
    await under.db
      .insertInto('device')
      .values(devices.map(({ id, name, key }) => ({ tenant, id, name, key_hash: hashKey(key), public_key: null })))
      .execute();
    const token = newKey('join');
    await under.db
      .insertInto('join_token')
      .values({ hash: hashKey(token), tenant, name: '', expires_at: new Date(Date.now() + 60_000), redeemed_by: null })
      .execute();
    const lookup = new KeyLookup(counted);
    const strange = Array.from({ length: 1_200 }, (_, n) =>
      lookup.find((['owner', 'device', 'worker', 'join'] as const)[n % 4]!, hashKey(newKey('join'))),
    );
    const known = devices.map(({ key }) => lookup.find('device', hashKey(key)));
    const join = lookup.find('join', hashKey(token));
    // The same bytes as another kind of key are nothing.
    const other = lookup.find('owner', hashKey(devices[0]!.key));
    expect(new Set(await Promise.all(strange))).toEqual(new Set([undefined]));
    expect((await Promise.all(known)).map((found) => found?.principal?.id)).toEqual(devices.map(({ id }) => id));
    expect((await join)?.principal).toBeUndefined();
    expect((await join)?.hash).toEqual(hashKey(token));
    expect(await other).toBeUndefined();
    expect(statements).toBeLessThanOrEqual(4 * 8);
  });

  test('who has left before its turn costs nothing and is told so', async () => {
    const lookup = new KeyLookup(under.db);
    const gone = new AbortController();
    const first = lookup.find('device', hashKey(newKey('device')));
    const late = lookup.find('device', hashKey(newKey('device')), gone.signal);
    gone.abort();
    expect(await first).toBeUndefined();
    await expect(late).rejects.toMatchObject({ reason: 'CANCELED' });
    expect(await lookup.find('device', hashKey(newKey('device')))).toBeUndefined();
  });
});
