// Who a direct call is for, by its headers; and the refusals that come before anything is recorded.
import { fromBinary } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { ManifestSchema } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { DeviceCalls } from '../dispatch/devices/device-calls.ts';
import type { Devices, StoredDevice } from '../identity/devices.ts';
import { explain } from '../routing/explain.ts';
import type { WorkerView } from '../routing/worker-view.ts';
import { HEADERS } from './interceptors.ts';

/** As in the contract of tool calls. */
const MAX_KEY = 128;

/** The device named by the header, or the only one there is. Throws NOT_FOUND. */
export function theDevice(devices: Devices, tenant: string, context: HandlerContext): Promise<StoredDevice> {
  const name = context.requestHeader.get(HEADERS.device) ?? '';
  return name === '' ? onlyDevice(devices, tenant) : devices.find(tenant, name);
}

/** Why a device that has no session takes nothing. */
export function notHere({ name: device, state }: StoredDevice): AppError {
  if (state !== 'suspended') return new AppError('DEVICE_OFFLINE', { device });
  const message = `the device ${device} is suspended; let it back in with \`bowline devices resume ${device}\``;
  return new AppError('DEVICE_SUSPENDED', { device }, { message });
}

/** Throws DEVICE_SUSPENDED, DEVICE_OFFLINE or DEVICE_LACKS_METHOD when the device cannot take the call now. */
export function mustServe(calls: DeviceCalls, tenant: string, device: StoredDevice, method: CapabilityMethod): void {
  const session = calls.session(tenant, device.id);
  // On another replica: that one looks at its session when it has the call.
  if (device.state === 'suspended' || (!session && !device.online)) throw notHere(device);
  if (!(session ? session.serves(method.fullName) : declares(device.manifest, method)))
    throw new AppError('DEVICE_LACKS_METHOD', { device: device.name, method: method.shortName });
}

/** Whether the manifest that its last session brought declares the method. */
function declares(manifest: Uint8Array | null, { package: name, desc }: CapabilityMethod): boolean {
  const { capabilities } = fromBinary(ManifestSchema, manifest ?? new Uint8Array());
  return capabilities.some((each) => each.package === name && each.methods.some((own) => own.name === desc.name));
}

async function onlyDevice(devices: Devices, tenant: string): Promise<StoredDevice> {
  const [first, second] = await devices.list(tenant, { limit: 2 });
  if (first && !second) return first;
  throw new AppError('INVALID_ARGUMENT', {
    what: first ? `say which device with the header ${HEADERS.device}` : 'no device has joined yet',
  });
}

/** Throws NO_WORKER when no connected worker could ever serve the call. */
export function mustBeServable(
  workers: readonly WorkerView[],
  tenant: string,
  method: CapabilityMethod,
  selector: Readonly<Record<string, string>>,
): void {
  const need = {
    capability: method.package,
    method: method.desc.name,
    tenant,
    selector,
    recipients: [],
    slots: method.slots,
  };
  const { never, summary } = explain(need, workers);
  if (never) throw new AppError('NO_WORKER', { why: summary });
}

/** The selector header, `tier=1,region=eu`. Throws INVALID_ARGUMENT. */
export function selectorOf(context: HandlerContext): Readonly<Record<string, string>> {
  const text = context.requestHeader.get(HEADERS.selector) ?? '';
  const pairs = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
    .map((pair) => {
      const [name = '', value, ...rest] = pair.split('=').map((side) => side.trim());
      if (name !== '' && value !== undefined && rest.length === 0) return [name, value] as const;
      throw new AppError('INVALID_ARGUMENT', {
        what: `${HEADERS.selector}: "${pair.slice(0, 80)}" is not name=value`,
      });
    });
  const names = new Set(pairs.map(([name]) => name));
  if (names.size < pairs.length)
    throw new AppError('INVALID_ARGUMENT', { what: `${HEADERS.selector} names a label twice` });
  return Object.fromEntries(pairs);
}

/** The idempotency key of the call; empty when it has none. Throws INVALID_ARGUMENT. */
export function idempotencyKeyOf(context: HandlerContext): string {
  const key = context.requestHeader.get(HEADERS.idempotencyKey) ?? '';
  if (key.length <= MAX_KEY) return key;
  throw new AppError('INVALID_ARGUMENT', { what: `${HEADERS.idempotencyKey} is longer than ${MAX_KEY} characters` });
}
