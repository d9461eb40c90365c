// Opens who is known here: the keys of this control plane, devices and their enrolment, plugins, and the guard that sees when the
// database is older than what it knew.
import { join } from 'node:path';
import { BESIDE_CONTROL } from '../../base/beside-control.ts';
import { homePaths } from '../../base/home.ts';
import { pinText } from '../../base/pin.ts';
import { writePrivate } from '../../base/private-file.ts';
import { edgeCapabilities } from '../../contract/capabilities.ts';
import { MethodRegistry } from '../../contract/registry.ts';
import { workerCapabilities } from '../../contract/worker-capabilities.ts';
import { Authenticator } from '../../control/identity/authenticator.ts';
import { Devices } from '../../control/identity/devices.ts';
import { Enrolment } from '../../control/identity/enrolment.ts';
import { KeyLookup } from '../../control/identity/key-lookup.ts';
import { KeyStore } from '../../control/identity/key-store.ts';
import { ensureOwnerKey } from '../../control/identity/owner-key.ts';
import { Plugins } from '../../control/identity/plugins.ts';
import { RestoreGuard } from '../../control/identity/restore-guard.ts';
import { loadSigningKey } from '../../control/identity/signing-key.ts';
import { watchHistory } from '../../control/identity/watch-history.ts';
import { ensureWorkerKey } from '../../control/identity/workers.ts';
import { HistoryCounter } from '../../control/store/history-counter.ts';
import { whenRoom } from '../when-room.ts';
import type { Ground } from './options.ts';
import type { Store } from './store.ts';

export type Identities = Awaited<ReturnType<typeof openIdentities>>;

export async function openIdentities(ground: Ground, { database, leases, witness }: Store) {
  const { config, clock, life, log, replica } = ground;
  const { owner, signer, workerKey } = await keysOf(ground, database);
  const lookup = new KeyLookup(database.db);
  const authenticator = new Authenticator(lookup, clock);
  const keys = new KeyStore(database.db);
  const devices = new Devices(database.db, authenticator);
  const enrolment = new Enrolment(database.db, lookup, signer.publicKey);

  const restored = new RestoreGuard({ db: database.db, clock, log, everyMs: config.scanMs });
  // The database may go away between two steps of the start.
  await database.patiently(() => restored.start());
  life.onStop('restore guard', () => restored.stop());
  // Nothing takes the place of the embedded one while it is open.
  if (database.kind === 'postgres') {
    const counter = new HistoryCounter(leases, replica, clock, witness);
    life.onStop('history watch', watchHistory({ counter, restored, clock, log }));
  }

  const methods = new MethodRegistry([...edgeCapabilities, ...workerCapabilities]);
  const plugins = new Plugins({ db: database.db, methods, clock, log, everyMs: config.scanMs });
  await database.patiently(() => plugins.start());
  life.onStop('plugins', () => plugins.stop());
  return { owner, signer, workerKey, authenticator, keys, devices, enrolment, restored, methods, plugins };
}

/** The keys of the owner, of the control plane and of the workers beside it, made at the first start. */
async function keysOf({ home, log, progress, signal }: Ground, database: Store['database']) {
  const paths = homePaths(home);
  const grant = { tenant: null, name: BESIDE_CONTROL, packages: ['*'], pool: 'default' };
  const keys = await database.patiently(async (db) => {
    const owner = await ensureOwnerKey(db, home);
    const signer = await loadSigningKey(db, home, log);
    const keyFile = join(paths.control, 'worker.key');
    return { owner, signer, workerKey: await ensureWorkerKey(db, keyFile, grant, signer.publicKey) };
  });
  const pin = `${pinText(keys.signer.publicKey)}\n`;
  await whenRoom(() => writePrivate(paths.controlPin, pin, { replace: true }), { progress, signal });
  return keys;
}
