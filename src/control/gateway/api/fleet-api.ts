// Workers and capabilities of the public API.
import { fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { RegistryService } from '../../../../gen/bowline/control/v1/registry_service_pb.ts';
import { WorkerPoolService } from '../../../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { ManifestSchema } from '../../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { pageOf } from '../../../contract/paging.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { methodDescription, requestSchema } from '../../../contract/tool-schema.ts';
import type { Devices } from '../../identity/devices.ts';
import type { Plugins } from '../../identity/plugins.ts';
import { principalName } from '../../identity/principal.ts';
import { enterWorkerKey } from '../../identity/workers.ts';
import type { Requests } from '../../store/requests.ts';
import { ownerOf } from '../call-principal.ts';
import type { Sessions } from '../sessions.ts';
import type { NewKey } from './new-key.ts';
import { once } from './once.ts';

/** Entries of one page. */
const MAX_PAGE = 1_000;
/** Devices whose capabilities are listed. */
const MAX_DEVICES = 1_000;

export function workerApi(parts: {
  readonly sessions: Sessions;
  readonly requests: Requests;
  readonly newKey: NewKey;
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
          ...(worker.rest ? { restUntilTime: timestampFromMs(worker.rest.until), restReason: worker.rest.reason } : {}),
          ...(worker.hello.manifest ? { manifest: worker.hello.manifest } : {}),
        })),
        nextPageToken,
      };
    },
    async createWorkerKey(request, context) {
      const owner = ownerOf(context);
      const { name, packages, pool } = request;
      await parts.plugins.refresh();
      const known = [...parts.packages, ...parts.plugins.ofTenant(owner.tenant).map((plugin) => plugin.package)];
      const unknown = packages.find((each) => each !== '*' && !known.includes(each));
      if (unknown !== undefined) {
        throw new AppError('INVALID_ARGUMENT', {
          what: `no worker can serve ${JSON.stringify(unknown.slice(0, 128))}; there are ${known.join(', ')}, and * for all`,
        });
      }
      const grant = { tenant: owner.tenant, name, packages, pool: pool || 'default' };
      const key = parts.newKey('worker', owner, request.requestId);
      const made = await once(parts.requests, owner, WorkerPoolService.method.createWorkerKey, request, {
        within: async (trx) => ({ id: await enterWorkerKey(trx, key.bare, grant, principalName(owner)) }),
      });
      return { ...made, key: key.whole };
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
