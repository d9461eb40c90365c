import { expect, test } from 'vitest';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { newId } from '../../base/ids.ts';
import { Authenticator } from './authenticator.ts';
import { type DeviceRef, Devices } from './devices.ts';
import { KeyLookup } from './key-lookup.ts';
import { hashKey, newKey } from './keys.ts';

onBothDatabases('suspended devices', (under) => {
  /** A device that joined. */
  const joined = async () => {
    const auth = new Authenticator(new KeyLookup(under.db), new ManualClock());
    const devices = new Devices(under.db, auth);
    const tenant = newId();
    const ref: DeviceRef = { tenant, id: newId() };
    const key = newKey('device');
    await under.db
      .insertInto('device')
      .values({ ...ref, name: 'pi', key_hash: hashKey(key), public_key: new Uint8Array(32) })
      .execute();
    return { auth, devices, tenant, ref, key };
  };

  test('a suspended device is refused until it is resumed, and is then what it was before', async () => {
    const { auth, devices, tenant, ref, key } = await joined();
    const begin = async () =>
      devices.openSession({
        known: await devices.byId(tenant, ref.id),
        manifest: Uint8Array.of(1),
        journal: { id: 'j1', sequence: 7, head: Uint8Array.of(1, 2, 3) },
        replica: 'r1',
        bootId: 'boot',
      });
    const epoch = (await begin())!;
    expect(await devices.resume(ref, 'owner:x')).toBe(false);
    expect(await devices.suspend(ref, 'lent', 'owner:x')).toBe(true);
    expect(await devices.suspend(ref, 'lent', 'owner:x')).toBe(false);
    expect((await devices.byId(tenant, ref.id)).sessionEpoch).toBe(epoch + 1);
    await expect(auth.authenticate(key)).rejects.toMatchObject({ reason: 'DEVICE_SUSPENDED' });
    expect(await begin()).toBeUndefined();
    expect(await devices.resume(ref, 'owner:x')).toBe(true);
    expect(await auth.authenticate(key)).toMatchObject({ state: 'active' });

    await devices.quarantine(await devices.byId(tenant, ref.id), 'fork', 'control');
    await devices.suspend(ref, 'lent', 'owner:x');
    expect(await devices.resume(ref, 'owner:x')).toBe(true);
    expect((await devices.byId(tenant, ref.id)).state).toBe('quarantined');
    await expect(devices.resume({ tenant: newId(), id: ref.id }, 'x')).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });

  test('who shows the key of a removed device is told so, as soon as the removal begins; nobody else is', async () => {
    const { auth, devices, ref, key } = await joined();
    expect(await devices.removedName(ref)).toBeUndefined();
    const told = { reason: 'DEVICE_REMOVED', message: expect.stringContaining('pi') };
    await devices.beginRemoval(ref, 'owner:x');
    await expect(auth.authenticate(key)).rejects.toMatchObject(told);
    expect(await devices.removedName(ref)).toBe('pi');
    expect(await devices.removedName({ tenant: newId(), id: ref.id })).toBeUndefined();

    // A removal that was cut is taken back, and a later suspension is only that.
    expect(await devices.resume(ref, 'owner:x')).toBe(true);
    expect(await auth.authenticate(key)).toMatchObject({ state: 'active' });
    await devices.suspend(ref, 'lent', 'owner:x');
    await expect(auth.authenticate(key)).rejects.toMatchObject({ reason: 'DEVICE_SUSPENDED' });

    await devices.remove(ref, 'owner:x');
    await expect(auth.authenticate(key)).rejects.toMatchObject(told);
    await expect(auth.authenticate(newKey('device'))).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
    await expect(devices.beginRemoval(ref, 'owner:x')).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });
});
