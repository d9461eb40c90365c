// Devices, workers and capabilities of the public API.
import { fromBinary } from '@bufbuild/protobuf';
import { durationMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { type DeviceService, DeviceState } from '../../../../gen/bowline/control/v1/device_service_pb.ts';
import type { RegistryService } from '../../../../gen/bowline/control/v1/registry_service_pb.ts';
import type { WorkerPoolService } from '../../../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { ManifestSchema } from '../../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { pageOf, readPlace, sizeOf, writePlace } from '../../../contract/paging.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { methodDescription, requestSchema } from '../../../contract/tool-schema.ts';
import type { DeviceCalls } from '../../dispatch/devices/device-calls.ts';
import type { Device, Devices } from '../../identity/devices.ts';
import type { Enrolment } from '../../identity/enrolment.ts';
import type { Plugins } from '../../identity/plugins.ts';
import { principalName } from '../../identity/principal.ts';
import type { WorkerGrant } from '../../identity/workers.ts';
import { ownerOf } from '../principal.ts';
import type { Sessions } from '../sessions.ts';

const TOKEN_TTL_MS = 10 * 60_000;
const STATES: Readonly<Record<Device['state'], DeviceState>> = {
  active: DeviceState.ACTIVE,
  suspended: DeviceState.SUSPENDED,
  quarantined: DeviceState.QUARANTINED,
};
/** Entries of one page. */
const MAX_PAGE = 1_000;
/** Devices whose capabilities are listed. */
const MAX_DEVICES = 1_000;

export function deviceApi(parts: {
  readonly devices: Devices;
  readonly enrolment: Enrolment;
  readonly sessions: Sessions;
  readonly calls: Pick<DeviceCalls, 'quarantined' | 'opened'>;
}): ServiceImpl<typeof DeviceService> {
  const view = (device: Device) => {
    const live = parts.sessions.edge(device.tenant, device.id);
    const seen = live?.lastSeen ?? device.lastSeen;
    const manifest = live?.manifest ?? (device.manifest ? fromBinary(ManifestSchema, device.manifest) : undefined);
    return {
      id: device.id,
      name: device.name,
      connected: live !== undefined || device.online,
      state: STATES[device.state],
      sessionEpoch: BigInt(device.sessionEpoch),
      createTime: timestampFromMs(device.createdAt),
      ...(manifest ? { manifest } : {}),
      ...(seen === null ? {} : { lastSeenTime: timestampFromMs(seen) }),
    };
  };
  return {
    async getDevice({ id }, context) {
      return { device: view(await parts.devices.find(ownerOf(context).tenant, id)) };
    },
    async listDevices({ pageSize, pageToken }, context) {
      const size = sizeOf(pageSize, 100, MAX_PAGE);
      const after = readPlace(pageToken) ?? '';
      const rows = await parts.devices.list(ownerOf(context).tenant, { limit: size + 1, after });
      const shown = rows.slice(0, size);
      return {
        devices: shown.map(view),
        nextPageToken: rows.length > size ? writePlace(shown.at(-1)!.name) : '',
      };
    },
    async createJoinToken({ name, ttl }, context) {
      const owner = ownerOf(context);
      const ttlMs = ttl ? durationMs(ttl) : TOKEN_TTL_MS;
      const made = await parts.enrolment.createJoinToken(owner.tenant, name, ttlMs, principalName(owner));
      return { token: made.token, expireTime: timestampFromMs(made.expiresAt) };
    },
    async adoptDevice({ id }, context) {
      const owner = ownerOf(context);
      const device = await parts.devices.find(owner.tenant, id);
      const adopted = await parts.devices.adopt(device, principalName(owner));
      return { device: view(await parts.devices.find(owner.tenant, id)), adopted };
    },
    async deleteDevice({ id }, context) {
      const owner = ownerOf(context);
      const by = principalName(owner);
      const device = await parts.devices.find(owner.tenant, id);
      // First no session of it stands, then its calls end, and only then it is forgotten: a repeat finds what is left to do.
      await parts.devices.suspend(device, 'it is being removed', by);
      // Whichever replica has its session looks whether it still stands.
      parts.calls.opened(device.tenant, device.id, device.sessionEpoch + 1);
      const target = { tenant: device.tenant, device: device.id };
      await parts.calls.quarantined(target, `device ${device.name}`, 'the device was removed');
      await parts.devices.remove(device, by);
      return { id: device.id, name: device.name };
    },
  };
}

export function workerApi(parts: {
  readonly sessions: Sessions;
  readonly createToken: (grant: WorkerGrant, by: string) => Promise<{ token: string }>;
  /** Packages that workers may serve, beside plugins. */
  readonly packages: readonly string[];
  readonly plugins: Plugins;
}): ServiceImpl<typeof WorkerPoolService> {
  return {
    listWorkers(request, context) {
      const { tenant } = ownerOf(context);
      const all = parts.sessions.workersFor(tenant);
      const { items, nextPageToken } = pageOf(all, ({ id, hello }) => `${hello.name} ${id}`, request, MAX_PAGE);
      return {
        workers: items.map((worker) => ({
          id: worker.id,
          name: worker.hello.name,
          models: worker.hello.models,
          slots: worker.hello.slots,
          busy: worker.busy,
          draining: worker.draining,
          connectTime: timestampFromMs(worker.connectedAt),
          lastSeenTime: timestampFromMs(worker.lastSeen),
          ...(worker.hello.manifest ? { manifest: worker.hello.manifest } : {}),
        })),
        nextPageToken,
      };
    },
    async createWorkerKey({ name, packages, pool }, context) {
      const owner = ownerOf(context);
      await parts.plugins.refresh();
      const known = [...parts.packages, ...parts.plugins.ofTenant(owner.tenant).map((plugin) => plugin.package)];
      const unknown = packages.find((each) => each !== '*' && !known.includes(each));
      if (unknown !== undefined) {
        throw new AppError('INVALID_ARGUMENT', {
          what: `no worker can serve ${JSON.stringify(unknown.slice(0, 128))}; there are ${known.join(', ')}, and * for all`,
        });
      }
      const grant = { tenant: owner.tenant, name, packages, pool: pool || 'default' };
      return { key: (await parts.createToken(grant, principalName(owner))).token };
    },
  };
}

export function registryApi(parts: {
  readonly methods: MethodRegistry;
  readonly devices: Devices;
  readonly sessions: Sessions;
}): ServiceImpl<typeof RegistryService> {
  return {
    async listCapabilities(request, context) {
      const { tenant } = ownerOf(context);
      const online = (await parts.devices.list(tenant, { limit: MAX_DEVICES })).filter((device) => device.online);
      const edges = online.map(({ name, manifest }) => ({ name, packages: packagesOf(manifest) }));
      const workers = parts.sessions.workersFor(tenant);
      const all = parts.methods.allFor(tenant);
      const packages = [...new Set(all.map((method) => method.package))];
      const { items, nextPageToken } = pageOf(packages, (name) => name, request, MAX_PAGE);
      return {
        nextPageToken,
        capabilities: items.map((name) => {
          const methods = all.filter((method) => method.package === name);
          return {
            package: name,
            service: methods[0]!.service.typeName,
            devices: edges.filter((edge) => edge.packages.has(name)).map((edge) => edge.name),
            workers: workers.filter((w) => w.view().packages.some((p) => p.package === name)).map((w) => w.hello.name),
            methods: methods.map((method) => ({
              name: method.fullName,
              effect: method.effect,
              idempotent: method.idempotent,
              streaming: method.streaming,
              description: methodDescription(method.desc),
              requestSchemaJson: JSON.stringify(requestSchema(method.desc)),
            })),
          };
        }),
      };
    },
  };
}

function packagesOf(manifest: Uint8Array | null): ReadonlySet<string> {
  const { capabilities } = fromBinary(ManifestSchema, manifest ?? new Uint8Array());
  return new Set(capabilities.filter(({ methods }) => methods.length > 0).map((each) => each.package));
}
