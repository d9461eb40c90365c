// Devices of the public API: shown, let in, kept out and forgotten.
import { fromBinary } from '@bufbuild/protobuf';
import { durationMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { Transaction } from 'kysely';
import { DeviceService, DeviceState } from '../../../../gen/bowline/control/v1/device_service_pb.ts';
import { ManifestSchema } from '../../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { pageOfRows, pageSizeOf, readPlace } from '../../../contract/paging.ts';
import type { DeviceCalls } from '../../dispatch/devices/device-calls.ts';
import type { Devices, StoredDevice } from '../../identity/devices.ts';
import type { Enrolment } from '../../identity/enrolment.ts';
import { type OwnerPrincipal, principalName } from '../../identity/principal.ts';
import type { Requests } from '../../store/requests.ts';
import type { Schema } from '../../store/schema.ts';
import { ownerOf } from '../call-principal.ts';
import type { Sessions } from '../sessions.ts';
import type { NewKey } from './new-key.ts';
import { once } from './once.ts';

const TOKEN_TTL_MS = 10 * 60_000;
/** Entries of one page. */
const MAX_PAGE = 1_000;
const STATES: Readonly<Record<StoredDevice['state'], DeviceState>> = {
  active: DeviceState.ACTIVE,
  suspended: DeviceState.SUSPENDED,
  quarantined: DeviceState.QUARANTINED,
};

export interface DeviceApiParts {
  readonly devices: Devices;
  readonly enrolment: Enrolment;
  readonly sessions: Sessions;
  readonly calls: Pick<DeviceCalls, 'quarantined' | 'opened'>;
  readonly requests: Requests;
  readonly newKey: NewKey;
}

type Api = ServiceImpl<typeof DeviceService>;

export const deviceApi = (parts: DeviceApiParts): Api => ({ ...readsAndJoins(parts), ...changes(parts) });

function readsAndJoins(parts: DeviceApiParts): Pick<Api, 'getDevice' | 'listDevices' | 'createJoinToken'> {
  const { devices, requests } = parts;
  return {
    async getDevice({ id }, context) {
      return { device: view(parts, await devices.find(ownerOf(context).tenant, id)) };
    },
    async listDevices({ pageSize, pageToken }, context) {
      const size = pageSizeOf(pageSize, 100, MAX_PAGE);
      const after = readPlace(pageToken) ?? '';
      const rows = await devices.list(ownerOf(context).tenant, { limit: size + 1, after });
      const { items, nextPageToken } = pageOfRows(
        rows,
        size,
        ({ name }) => name,
        (row) => view(parts, row),
      );
      return { devices: items, nextPageToken };
    },
    async createJoinToken(request, context) {
      const owner = ownerOf(context);
      const { name, ttl } = request;
      const ttlMs = ttl ? durationMs(ttl) : TOKEN_TTL_MS;
      const token = parts.newKey('join', owner, request.requestId);
      const made = await once(requests, owner, DeviceService.method.createJoinToken, request, {
        within: async (trx) => {
          const by = principalName(owner);
          const { id, expiresAt } = await parts.enrolment.createJoinToken(
            owner.tenant,
            name,
            ttlMs,
            by,
            token.bare,
            trx,
          );
          return { id, expireTime: timestampFromMs(expiresAt) };
        },
      });
      return { ...made, token: token.whole };
    },
  };
}

type Act = (device: StoredDevice, by: string, trx: Transaction<Schema>) => Promise<boolean>;

function changes(parts: DeviceApiParts): Omit<Api, keyof ReturnType<typeof readsAndJoins>> {
  const { devices, requests, calls } = parts;
  const act = async (trx: Transaction<Schema>, owner: OwnerPrincipal, id: string, run: Act) => {
    const device = await devices.find(owner.tenant, id, trx);
    const done = await run(device, principalName(owner), trx);
    return { device: view(parts, await devices.find(owner.tenant, device.id, trx)), done };
  };
  const { adoptDevice, suspendDevice, resumeDevice, deleteDevice } = DeviceService.method;
  return {
    async adoptDevice(request, context) {
      const owner = ownerOf(context);
      return once(requests, owner, adoptDevice, request, {
        within: async (trx) => {
          const { device, done } = await act(trx, owner, request.id, (...of) => devices.adopt(...of));
          return { device, adopted: done };
        },
      });
    },
    async suspendDevice(request, context) {
      const owner = ownerOf(context);
      const answer = await once(requests, owner, suspendDevice, request, {
        within: async (trx) => {
          const { device, done } = await act(trx, owner, request.id, (of, by) =>
            devices.suspend(of, 'its owner wants it', by, trx),
          );
          return { device, suspended: done };
        },
      });
      const { id, sessionEpoch } = answer.device!;
      devices.changed(id);
      // Whichever replica has its session looks whether it still stands.
      calls.opened(owner.tenant, id, Number(sessionEpoch));
      return answer;
    },
    async resumeDevice(request, context) {
      const owner = ownerOf(context);
      const answer = await once(requests, owner, resumeDevice, request, {
        within: async (trx) => {
          const { device, done } = await act(trx, owner, request.id, (...of) => devices.resume(...of));
          return { device, resumed: done };
        },
      });
      devices.changed(answer.device!.id);
      return answer;
    },
    async deleteDevice(request, context) {
      const owner = ownerOf(context);
      const by = principalName(owner);
      const answer = await once(requests, owner, deleteDevice, request, {
        before: async () => {
          const device = await devices.find(owner.tenant, request.id);
          // First no session of it stands, then its calls end, and only then it is forgotten: a repeat finds what is left to do.
          await devices.beginRemoval(device, by);
          calls.opened(device.tenant, device.id, device.sessionEpoch + 1);
          const target = { tenant: device.tenant, device: device.id };
          await calls.quarantined(target, `device ${device.name}`, 'the device was removed');
        },
        within: async (trx) => {
          const { tenant, id, name } = await devices.find(owner.tenant, request.id, trx);
          await devices.remove({ tenant, id }, by, trx);
          return { id, name };
        },
      });
      devices.changed(answer.id);
      return answer;
    },
  };
}

function view({ sessions }: DeviceApiParts, device: StoredDevice) {
  const open = sessions.edge(device.tenant, device.id);
  // One that was fenced is still open for a moment.
  const live = open && open.epoch >= device.sessionEpoch ? open : undefined;
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
}
