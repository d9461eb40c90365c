import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { newId } from '../../base/ids.ts';
import { bareKey, withPin } from '../../base/pin.ts';
import { NOTICED, noticesOf } from '../gateway/api/notices.ts';
import { listAudit, recentAudit } from '../ledger/audit.ts';
import { Authenticator, bearerOf } from './authenticator.ts';
import { type DeviceRef, Devices, type StoredDevice } from './devices.ts';
import { Enrolment, type JoiningBox } from './enrolment.ts';
import { KeyLookup } from './key-lookup.ts';
import { KeyStore } from './key-store.ts';
import { hashKey, newKey } from './keys.ts';
import { ensureOwnerKey } from './owner-key.ts';
import type { SessionStart } from './session-batch.ts';
import { ensureWorkerKey, enterWorkerKey } from './workers.ts';

onBothDatabases('identity', (under) => {
  const clock = new ManualClock();
  let auth: Authenticator;
  let devices: Devices;
  let enrolment: Enrolment;
  let tenant: string;
  beforeEach(() => {
    auth = new Authenticator(new KeyLookup(under.db), clock);
    devices = new Devices(under.db, auth);
    enrolment = new Enrolment(under.db, new KeyLookup(under.db), new Uint8Array(32).fill(5));
    tenant = newId();
  });

  const box = (token: string, name = 'kitchen-pi') => {
    const key = newKey('device');
    const request: JoiningBox = {
      token,
      name,
      publicKey: crypto.getRandomValues(new Uint8Array(32)),
      secretSha256: hashKey(key),
    };
    return { key, request };
  };
  const enrol = async (name = 'kitchen-pi') => {
    const { token } = await enrolment.createJoinToken(tenant, name, 60_000, 'owner:x');
    const { key, request } = box(token);
    return { key, request, enrolled: await enrolment.join(request) };
  };

  const revoke = async (of: string, id: string) =>
    (await under.db.transaction().execute((trx) => new KeyStore(under.db).revoke(trx, of, id, 'test'))).revoked;

  const startOf = (known: Pick<StoredDevice, 'tenant' | 'id' | 'sessionEpoch' | 'journal'>): SessionStart => ({
    known,
    manifest: Uint8Array.of(1),
    journal: { id: 'j1', sequence: 7, head: Uint8Array.of(1, 2, 3) },
    replica: 'r1',
    bootId: 'boot',
  });
  const begin = async (ref: DeviceRef) => devices.openSession(startOf(await devices.byId(ref.tenant, ref.id)));

  test('the first start makes an owner key that later starts and new databases know', async () => {
    const home = join(under.folder, 'home');
    const [made, again] = await Promise.all([ensureOwnerKey(under.db, home), ensureOwnerKey(under.db, home)]);
    expect(again.key).toBe(made.key);
    expect((await stat(made.file)).mode & 0o777).toBe(0o600);
    expect(await readdir(home)).toEqual(['owner.key']);
    await under.db.deleteFrom('api_key').execute();
    await ensureOwnerKey(under.db, home);
    const principal = await auth.authenticate(made.key);
    expect(principal).toMatchObject({ kind: 'owner', tenant: 'default' });

    await new KeyStore(under.db).enterOwnerKey(under.db, 'default', 'second', newKey('owner'), 'test');
    expect(await revoke('default', principal.id)).toBe(true);
    auth.forget(principal.id);
    await expect(auth.authenticate(made.key)).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
    await expect(ensureOwnerKey(under.db, home)).rejects.toMatchObject({ reason: 'OWNER_KEY_REVOKED' });
    expect(await revoke('default', principal.id)).toBe(false);
  });

  test('an owner key that others can read, or that is no key, is refused and left as it is', async () => {
    const home = join(under.folder, 'other-home');
    const { file } = await ensureOwnerKey(under.db, home);
    await chmod(file, 0o644);
    await expect(ensureOwnerKey(under.db, home)).rejects.toMatchObject({ reason: 'SECRET_FILE_UNSAFE' });
    await chmod(file, 0o600);
    await writeFile(file, 'half a k');
    await expect(ensureOwnerKey(under.db, home)).rejects.toMatchObject({ reason: 'SECRET_FILE_UNSAFE' });
    expect(await readFile(file, 'utf8')).toBe('half a k');
  });

  test('no key stands in the database, only its hash', async () => {
    const { key, request } = await enrol();
    const workerKey = newKey('worker');
    await enterWorkerKey(under.db, workerKey, { tenant, name: 'w', packages: ['*'], pool: 'p' }, 'test');
    const tables = ['api_key', 'join_token', 'device', 'worker_token', 'audit'] as const;
    const rows = await Promise.all(tables.map((table) => under.db.selectFrom(table).selectAll().execute()));
    for (const secret of [key, request.token, workerKey]) {
      const hidden = [secret.slice(4), Buffer.from(secret.slice(4), 'base64url').toString('hex')];
      const text = JSON.stringify(rows, (_key, value) =>
        value?.type === 'Buffer' ? Buffer.from(value.data).toString('hex') : value,
      );
      for (const form of hidden) expect(text).not.toContain(form);
    }
  });

  test('anything but a known key is refused alike', async () => {
    const { request, key } = await enrol();
    for (const wrong of [
      '',
      'bwo_',
      newKey('owner'),
      newKey('device'),
      newKey('worker'),
      request.token,
      `${key}x`,
      key.replace('bwd_', 'bwo_'),
    ]) {
      await expect(auth.authenticate(wrong)).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
    }
    expect(bearerOf(`bearer ${key}`)).toBe(key);
    for (const header of [undefined, null, '', key, 'Basic abc', 'Bearer a b'])
      expect(() => bearerOf(header)).toThrow('no valid credential');
  });

  test('a join with the same keys gives the same device, however often the answer was lost', async () => {
    const { key, request, enrolled } = await enrol();
    const again = await Promise.all([enrolment.join(request), enrolment.join(request)]);
    expect(again).toEqual([enrolled, enrolled]);
    expect(await auth.authenticate(key)).toEqual({
      kind: 'device',
      tenant,
      id: enrolled.deviceId,
      name: 'kitchen-pi',
      state: 'active',
    });
    expect(await devices.list(tenant)).toHaveLength(1);
  });

  test('two boxes that race with one token leave one device, which goes on, and no second one', async () => {
    const { token } = await enrolment.createJoinToken(tenant, 'pi', 60_000, 'owner:x');
    const [one, two] = [box(token), box(token)];
    const results = await Promise.allSettled([enrolment.join(one.request), enrolment.join(two.request)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await devices.list(tenant)).toMatchObject([{ name: 'pi', state: 'active' }]);
  });

  test('a used token with another key is refused, acts on nobody, and is told in the audit', async () => {
    const { request, key, enrolled } = await enrol();
    const thief = box(request.token);
    await expect(enrolment.join(thief.request)).rejects.toMatchObject({ reason: 'JOIN_TOKEN_INVALID' });
    expect(await auth.authenticate(key)).toMatchObject({ id: enrolled.deviceId });
    expect(await enrolment.join(request)).toMatchObject({ deviceId: enrolled.deviceId });
    const { entries } = await listAudit(under.db, tenant);
    expect(entries.map(({ action }) => action).sort()).toEqual([
      'device.join',
      'join_token.create',
      'join_token.reused',
    ]);
  });

  test('a spent join token that is shown again is told once an hour: used, used by a device that was removed, past its time', async () => {
    const { request, enrolled } = await enrol();
    const expired = await enrolment.createJoinToken(tenant, 'late', 60_000, 'owner:x');
    await under.db
      .updateTable('join_token')
      .set({ expires_at: new Date(0) })
      .where('hash', '=', hashKey(bareKey(expired.token)))
      .execute();
    const refused = async (token: string) => {
      for (let n = 0; n < 5; n++) {
        await expect(enrolment.join(box(token).request)).rejects.toMatchObject({ reason: 'JOIN_TOKEN_INVALID' });
      }
    };
    await refused(request.token);
    await refused(expired.token);
    // One text for a token that is past its time and for one that was revoked: both are noted so.
    const late = noticesOf(await recentAudit(under.db, tenant, NOTICED)).find(({ action }) =>
      action.endsWith('.expired'),
    );
    expect(late?.text).toContain('a join line for late was used when it had expired or was revoked');
    const told = async () => (await recentAudit(under.db, tenant, NOTICED)).map(({ action }) => action).toSorted();
    expect(await told()).toEqual(['join_token.expired', 'join_token.reused']);
    // Of the removed device it is the first time in another hour.
    await under.db
      .updateTable('audit')
      .set({ at: new Date(Date.now() - 3 * 3_600_000) })
      .where('tenant', '=', tenant)
      .execute();
    await devices.remove({ tenant, id: enrolled.deviceId }, 'owner:x');
    await refused(request.token);
    const [newest] = noticesOf(await recentAudit(under.db, tenant, NOTICED));
    expect(newest).toMatchObject({
      action: 'join_token.reused',
      text: expect.stringContaining('a device that you removed'),
    });
    expect(await told()).toHaveLength(3);
  });

  test('the same public key with another secret is another key', async () => {
    const { request, enrolled } = await enrol();
    const stolen = { ...request, secretSha256: hashKey(newKey('device')) };
    await expect(enrolment.join(stolen)).rejects.toMatchObject({ reason: 'JOIN_TOKEN_INVALID' });
    expect((await devices.byId(tenant, enrolled.deviceId)).state).toBe('active');
  });

  test('an unknown or expired token is refused alike; a taken name says so and leaves the token good', async () => {
    await enrol('pi');
    await expect(enrolment.join(box(newKey('join')).request)).rejects.toMatchObject({ reason: 'JOIN_TOKEN_INVALID' });
    const expired = await enrolment.createJoinToken(tenant, '', 60_000, 'owner:x');
    await under.db
      .updateTable('join_token')
      .set({ expires_at: new Date(0) })
      .where('hash', '=', hashKey(bareKey(expired.token)))
      .execute();
    await expect(enrolment.join(box(expired.token).request)).rejects.toMatchObject({ reason: 'JOIN_TOKEN_INVALID' });

    const { token } = await enrolment.createJoinToken(tenant, '', 60_000, 'owner:x');
    const { request } = box(token, 'pi');
    await expect(enrolment.join(request)).rejects.toMatchObject({ reason: 'DEVICE_NAME_TAKEN' });
    expect(await enrolment.join({ ...request, name: 'pi-2' })).toMatchObject({ name: 'pi-2' });
    tenant = newId();
    expect((await enrol('pi')).enrolled.name).toBe('pi');
  });

  test('a box that joins its tenant anew with its keys stays the same device; no other tenant can take it', async () => {
    const { request, enrolled } = await enrol();
    const { token } = await enrolment.createJoinToken(tenant, 'renamed', 60_000, 'owner:x');
    expect(await enrolment.join({ ...request, token })).toEqual(enrolled);
    const foreign = await enrolment.createJoinToken(newId(), '', 60_000, 'owner:x');
    await expect(enrolment.join({ ...request, token: foreign.token })).rejects.toMatchObject({
      reason: 'INVALID_ARGUMENT',
    });
  });

  test('a device that is named like the id of another does not stand in for it', async () => {
    const { enrolled } = await enrol('pi');
    const impostor = await enrol(enrolled.deviceId);
    expect((await devices.find(tenant, enrolled.deviceId)).name).toBe('pi');
    expect((await devices.find(tenant, 'pi')).id).toBe(enrolled.deviceId);
    expect((await devices.find(tenant, impostor.enrolled.deviceId)).name).toBe(enrolled.deviceId);
    await expect(devices.find(newId(), 'pi')).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });

  test('names and keys of a wrong shape are refused before anything is looked up', async () => {
    const { request } = box(newKey('join'));
    for (const name of ['', '-x', 'x-', 'a b', 'a/b', 'Pi', 'x'.repeat(65), 'küche']) {
      await expect(enrolment.join({ ...request, name })).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
    }
    const short = { ...request, publicKey: new Uint8Array(31) };
    await expect(enrolment.join(short)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
    await expect(enrolment.createJoinToken(tenant, '', 0, 'x')).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
  });

  test('an unknown device and one of another tenant are the same NOT_FOUND', async () => {
    const { enrolled } = await enrol();
    const other = newId();
    const errors = await Promise.all(
      [
        devices.byId(other, enrolled.deviceId),
        devices.byName(other, 'kitchen-pi'),
        devices.byId(other, newId()),
        devices.byName(other, 'none'),
      ].map((found) => found.catch((error: unknown) => error)),
    );
    for (const error of errors)
      expect(error).toMatchObject({
        reason: 'NOT_FOUND',
        message: 'no such device here',
        metadata: { kind: 'device' },
      });
    expect(await devices.list(other)).toEqual([]);
    const known = await devices.byId(tenant, enrolled.deviceId);
    expect(await devices.openSession(startOf({ ...known, tenant: other }))).toBeUndefined();
    await expect(devices.suspend({ tenant: other, id: enrolled.deviceId }, 'x', 'x')).rejects.toMatchObject({
      reason: 'NOT_FOUND',
    });
    expect((await devices.byName(tenant, 'kitchen-pi')).id).toBe(enrolled.deviceId);
  });

  test('each connection of a device gets its own epoch, also many at once, and only the newest may write', async () => {
    const refs = [];
    for (const name of ['a', 'b', 'c']) refs.push({ tenant, id: (await enrol(name)).enrolled.deviceId });
    for (const wanted of [1, 2, 3]) expect(await Promise.all(refs.map(begin))).toEqual([wanted, wanted, wanted]);
    const [ref] = refs;
    const anchor = (sequence: number) => ({ id: 'j1', sequence, head: Uint8Array.of(sequence) });
    expect(await devices.moveAnchor(ref!, 2, anchor(9))).toBe(false);
    expect(await devices.moveAnchor(ref!, 3, anchor(8))).toBe(true);
    const saved = await devices.byId(tenant, ref!.id);
    expect(saved).toMatchObject({ sessionEpoch: 3, journal: { id: 'j1', sequence: 8 } });
    expect([...saved.journal!.head]).toEqual([8]);
    expect(saved.lastSeen).not.toBeNull();
  });

  test('a session, or a quarantine, that was judged before another session began changes nothing', async () => {
    const ref = { tenant, id: (await enrol()).enrolled.deviceId };
    await begin(ref);
    const known = await devices.byId(tenant, ref.id);
    const both = await Promise.all([devices.openSession(startOf(known)), devices.openSession(startOf(known))]);
    expect(both.sort()).toEqual([2, undefined]);
    expect(await devices.quarantine(known, 'late', 'control')).toBe(false);
    const moved = await devices.byId(tenant, ref.id);
    const journal = { id: 'j1', sequence: 9, head: Uint8Array.of(9) };
    await devices.moveAnchor(ref, 2, journal);
    expect(await devices.openSession(startOf(moved))).toBeUndefined();
    expect(await devices.quarantine(moved, 'late', 'control')).toBe(false);
    expect(await devices.byId(tenant, ref.id)).toMatchObject({
      sessionEpoch: 2,
      state: 'active',
      journal: { sequence: 9 },
    });
  });

  test('a quarantined device connects but is told apart, until it is adopted with a higher generation', async () => {
    const { key, enrolled } = await enrol();
    const ref = { tenant, id: enrolled.deviceId };
    await begin(ref);
    await auth.authenticate(key);
    const known = await devices.byId(tenant, ref.id);
    expect(await devices.quarantine(known, 'fork at 5', 'control')).toBe(true);
    expect(await devices.quarantine(known, 'fork at 5', 'control')).toBe(false);
    expect(await auth.authenticate(key)).toMatchObject({ state: 'quarantined' });
    await devices.adopt(ref, 'owner:x');
    expect(await auth.authenticate(key)).toMatchObject({ state: 'active' });
    expect(await devices.byId(tenant, ref.id)).toMatchObject({ generation: 2, journal: null, state: 'active' });
    await devices.adopt(ref, 'owner:x');
    expect(await devices.byId(tenant, ref.id)).toMatchObject({ generation: 2 });
    await devices.suspend(ref, 'stolen', 'owner:x');
    await devices.adopt(ref, 'owner:x');
    expect((await devices.byId(tenant, ref.id)).state).toBe('suspended');
  });

  test('a removed device is gone at once and its name is free', async () => {
    const { key, enrolled } = await enrol();
    await auth.authenticate(key);
    await devices.remove({ tenant, id: enrolled.deviceId }, 'owner:x');
    await expect(auth.authenticate(key)).rejects.toMatchObject({ reason: 'DEVICE_REMOVED' });
    expect((await enrol()).enrolled.deviceId).not.toBe(enrolled.deviceId);
  });

  test('devices are listed by name, page by page', async () => {
    for (const name of ['c', 'a', 'b']) await enrol(name);
    expect((await devices.list(tenant, { limit: 2 })).map(({ name }) => name)).toEqual(['a', 'b']);
    expect((await devices.list(tenant, { limit: 2, after: 'b' })).map(({ name }) => name)).toEqual(['c']);
  });

  test('a worker key says what it is bound to, survives restarts in its file, and dies when revoked', async () => {
    const file = join(under.folder, 'control', `${tenant}.key`);
    const grant = { tenant: null, name: 'built-in', packages: ['bowline.capability.llm.v1'], pool: 'default' };
    const pin = new Uint8Array(32).fill(5);
    const key = await ensureWorkerKey(under.db, file, grant, pin);
    expect(await ensureWorkerKey(under.db, file, grant, pin)).toBe(key);
    // The pin behind the key follows the control plane.
    const next = new Uint8Array(32).fill(6);
    expect(await ensureWorkerKey(under.db, file, grant, next)).toBe(key);
    expect(await readFile(file, 'utf8')).toBe(`${withPin(key, next)}\n`);
    const principal = await auth.authenticate(key);
    expect(principal).toEqual({ ...grant, kind: 'worker', tenant: '*', id: principal.id, tenants: ['*'] });
    expect(await revoke('default', principal.id)).toBe(true);
    expect(await revoke('default', principal.id)).toBe(false);
    auth.forget(principal.id);
    const another = await ensureWorkerKey(under.db, file, grant, pin);
    await expect(auth.authenticate(key)).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
    expect(another).not.toBe(key);
    expect(await auth.authenticate(another)).toMatchObject({ ...grant, tenant: '*' });
    expect(await readFile(file, 'utf8')).toBe(`${withPin(another, pin)}\n`);
    expect(await ensureWorkerKey(under.db, file, grant, pin)).toBe(another);
  });

  test('a revocation that another replica made is seen when the cache entry is old', async () => {
    const { key, enrolled } = await enrol();
    await auth.authenticate(key);
    const elsewhere = new Devices(under.db, new Authenticator(new KeyLookup(under.db), clock));
    await elsewhere.suspend({ tenant, id: enrolled.deviceId }, 'stolen', 'owner:x');
    clock.advance(5_001);
    await expect(auth.authenticate(key)).rejects.toMatchObject({ reason: 'DEVICE_SUSPENDED' });
  });
});
