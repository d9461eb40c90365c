import { expect, test } from 'vitest';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { newId } from '../../base/ids.ts';
import { listAudit } from '../ledger/audit.ts';
import { Authenticator } from './authenticator.ts';
import { Enrolment } from './enrolment.ts';
import { KeyLookup } from './key-lookup.ts';
import { KeyStore } from './key-store.ts';
import { hashKey, newKey } from './keys.ts';
import { enterWorkerKey } from './workers.ts';

onBothDatabases('keys', (under) => {
  const store = () => new KeyStore(under.db);
  const lookup = () => new KeyLookup(under.db);
  const revoke = (tenant: string, id: string) =>
    under.db.transaction().execute((trx) => store().revoke(trx, tenant, id, 'owner:x'));
  const owner = async (tenant: string, name = 'laptop') => {
    const key = newKey('owner');
    return { key, id: await store().enterOwnerKey(under.db, tenant, name, key, 'owner:x') };
  };
  const worker = (tenant: string | null, name = 'gpu', key = newKey('worker')) =>
    enterWorkerKey(under.db, key, { tenant, name, packages: ['*'], pool: 'p' }, 'owner:x');
  const enrolment = () => new Enrolment(under.db, lookup(), new Uint8Array(32));
  const box = (token: string) => ({
    token,
    name: 'pi',
    publicKey: crypto.getRandomValues(new Uint8Array(32)),
    secretSha256: hashKey(newKey('device')),
  });

  test('keys of all kinds are listed newest first, page by page, those of other tenants never', async () => {
    const [tenant, other] = [newId(), newId()];
    const ids = [
      (await owner(tenant)).id,
      await worker(tenant),
      (await enrolment().createJoinToken(tenant, 'pi', 60_000, 'owner:x')).id,
    ];
    await owner(other);
    await worker(other);
    await enrolment().createJoinToken(other, 'pi', 60_000, 'owner:x');
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await store().list(tenant, { pageSize: 2, pageToken });
      seen.push(...page.items.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen.toSorted()).toEqual(ids.toSorted());
    const [gpu] = (await store().list(tenant, { kind: 'worker' })).items;
    expect(gpu).toMatchObject({ kind: 'worker', name: 'gpu', state: 'valid', packages: ['*'], pool: 'p' });
    await expect(store().list(tenant, { pageToken: 'x' })).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
  });

  test('what is revoked, used or late is listed only when all are wanted, and says which it is', async () => {
    const tenant = newId();
    await owner(tenant);
    const gone = await worker(tenant);
    const spent = await enrolment().createJoinToken(tenant, 'pi', 60_000, 'owner:x');
    const { deviceId } = await enrolment().join(box(spent.token));
    const token = await enrolment().createJoinToken(tenant, 'tv', 60_000, 'owner:x');
    await revoke(tenant, gone);
    await revoke(tenant, token.id);
    expect((await store().list(tenant)).items.map(({ kind }) => kind)).toEqual(['owner']);
    const all = new Map((await store().list(tenant, { all: true })).items.map((key) => [key.id, key]));
    expect(all.get(gone)).toMatchObject({ state: 'revoked', revokedAt: expect.any(Number) });
    expect(all.get(spent.id)).toMatchObject({ state: 'used', device: deviceId });
    expect(all.get(token.id)).toMatchObject({ state: 'revoked' });
    await expect(enrolment().join(box(token.token))).rejects.toMatchObject({ reason: 'JOIN_TOKEN_INVALID' });
  });

  test('a revoked key is refused; a repeat does nothing; other tenants find none', async () => {
    const tenant = newId();
    await under.db.insertInto('tenant').values({ id: tenant, name: tenant }).execute();
    await owner(tenant);
    const { key, id } = await owner(tenant, 'phone');
    const auth = new Authenticator(lookup(), new ManualClock());
    await expect(revoke(newId(), id)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    expect(await auth.authenticate(key)).toMatchObject({ id });
    expect(await revoke(tenant, id)).toMatchObject({ revoked: true, key: { state: 'revoked', name: 'phone' } });
    auth.forget(id);
    await expect(auth.authenticate(key)).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
    expect((await revoke(tenant, id)).revoked).toBe(false);
    expect(await store().endedOwnerKeys([id, 'nobody'])).toEqual(new Set([id, 'nobody']));
    const { entries } = await listAudit(under.db, tenant);
    expect(entries.filter(({ action }) => action === 'owner_key.revoke')).toHaveLength(1);
  });

  test('the last owner key stays, also when two owners revoke each other at the same time', async () => {
    const tenant = newId();
    const [first, second] = [await owner(tenant), await owner(tenant)];
    const ends = await Promise.allSettled([revoke(tenant, first.id), revoke(tenant, second.id)]);
    expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const [left] = (await store().list(tenant, { kind: 'owner' })).items;
    await expect(revoke(tenant, left!.id)).rejects.toMatchObject({ reason: 'LAST_OWNER_KEY' });
    expect((await store().list(tenant, { kind: 'owner' })).items).toHaveLength(1);
  });

  test('a key of workers for any tenant is seen and revoked by the first tenant alone', async () => {
    await owner('default');
    const id = await worker(null, 'beside');
    await expect(revoke(newId(), id)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    expect((await store().list('default', { kind: 'worker' })).items.map((key) => key.id)).toContain(id);
    expect(await revoke('default', id)).toMatchObject({ revoked: true });
  });

  test('a key that was entered before is not entered again', async () => {
    const key = newKey('worker');
    await worker('default', 'one', key);
    await expect(worker('default', 'two', key)).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' });
  });
});
