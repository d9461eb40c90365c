import { expect, test } from 'vitest';
import { edgeCapabilities } from '../../contract/capabilities.ts';
import { MethodRegistry } from '../../contract/registry.ts';
import type { StoredDevice } from '../identity/devices.ts';
import { mustServe, notHere } from './mesh-target.ts';

const device = (state: StoredDevice['state'], online = false) =>
  ({ name: 'pi', id: 'd', state, online }) as StoredDevice;
const method = new MethodRegistry(edgeCapabilities).resolve('fs.Read');

test('a suspended device is told as suspended, with the word that lets it back in, and another one as not connected', () => {
  expect(notHere(device('active'))).toMatchObject({ reason: 'DEVICE_OFFLINE' });
  expect(notHere(device('suspended'))).toMatchObject({
    reason: 'DEVICE_SUSPENDED',
    message: 'the device pi is suspended; let it back in with `bowline devices resume pi`',
  });
});

test('a suspended device takes no call, also while its session is still open', () => {
  const open = { session: () => ({ serves: () => true }) };
  const call = (state: StoredDevice['state']) => mustServe(open as never, 't', device(state, true), method);
  expect(() => call('active')).not.toThrow();
  expect(() => call('suspended')).toThrow(expect.objectContaining({ reason: 'DEVICE_SUSPENDED' }));
});
