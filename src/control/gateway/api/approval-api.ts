// Notes between boxes and paired keys of their owners, in the public API. What they say is none of this side's business.
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { ApprovalService } from '../../../../gen/bowline/control/v1/approval_service_pb.ts';
import { pageOfRows, pageSizeOf, readPlace } from '../../../contract/paging.ts';
import type { Devices } from '../../identity/devices.ts';
import type { OwnerNotes } from '../../notes/owner-notes.ts';
import type { Requests } from '../../store/requests.ts';
import { ownerOf } from '../call-principal.ts';
import { once } from './once.ts';

/** Notes of one page: each may be a MiB. */
const USUAL_PAGE = 16;
const MAX_PAGE = 64;

export interface ApprovalApiParts {
  readonly notes: OwnerNotes;
  readonly devices: Devices;
  readonly requests: Requests;
  readonly now: () => number;
  /** Something waits for a device, on whatever replica it is. */
  readonly wake: (tenant: string, device: string) => void;
}

export function approvalApi(parts: ApprovalApiParts): ServiceImpl<typeof ApprovalService> {
  const { notes, devices, requests } = parts;
  return {
    async listSealedNotes({ key, device, pageSize, pageToken }, context) {
      const size = pageSizeOf(pageSize, USUAL_PAGE, MAX_PAGE);
      const after = readPlace(pageToken) ?? '';
      const rows = await notes.toOwner(ownerOf(context).tenant, { key, device }, { limit: size + 1, after });
      const page = pageOfRows(
        rows,
        size,
        (note) => `${note.device}/${note.id}`,
        ({ expiresAt, ...note }) => ({ ...note, expireTime: timestampFromMs(expiresAt) }),
      );
      return { notes: page.items, nextPageToken: page.nextPageToken };
    },
    async sendOwnerNote(request, context) {
      const owner = ownerOf(context);
      const { tenant } = owner;
      const { key, id, body } = request;
      const wanted = request.device === '' ? await notes.deviceOf(tenant, key) : request.device;
      const { id: device, online: connected } = await devices.find(tenant, wanted);
      const answer = await once(requests, owner, ApprovalService.method.sendOwnerNote, request, {
        within: async (trx) => {
          await notes.send(trx, { tenant, device }, { key, id, body }, parts.now());
          return { connected };
        },
      });
      parts.wake(tenant, device);
      return answer;
    },
  };
}
