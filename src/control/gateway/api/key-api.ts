// Keys of the public API.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { KeyKind, type KeySchema, KeyService, KeyState } from '../../../../gen/bowline/control/v1/key_service_pb.ts';
import type { KeyStore, ListedKind, StoredKey } from '../../identity/key-store.ts';
import { type OwnerPrincipal, principalName } from '../../identity/principal.ts';
import type { Requests } from '../../store/requests.ts';
import { ownerOf } from '../call-principal.ts';
import type { NewKey } from './new-key.ts';
import { once } from './once.ts';

export function keyApi(parts: {
  readonly keys: KeyStore;
  readonly requests: Requests;
  readonly newKey: NewKey;
  /** Tells all replicas that what goes on with a key ends. */
  readonly revoked: (id: string) => void;
}): ServiceImpl<typeof KeyService> {
  return {
    async listKeys({ pageSize, pageToken, kind, all }, context) {
      const owner = ownerOf(context);
      const wanted = { pageSize, pageToken, all, kind: WANTED[kind] };
      const { items, nextPageToken } = await parts.keys.list(owner.tenant, wanted);
      return { keys: items.map((key) => view(key, owner)), nextPageToken };
    },
    async createOwnerKey(request, context) {
      const owner = ownerOf(context);
      const { tenant } = owner;
      const key = parts.newKey('owner', owner, request.requestId);
      const made = await once(parts.requests, owner, KeyService.method.createOwnerKey, request, {
        within: async (trx) => ({
          id: await parts.keys.enterOwnerKey(trx, tenant, request.name, key.bare, principalName(owner)),
        }),
      });
      return { ...made, key: key.whole };
    },
    async revokeKey(request, context) {
      const owner = ownerOf(context);
      const answer = await once(parts.requests, owner, KeyService.method.revokeKey, request, {
        within: async (trx) => {
          const { key, revoked } = await parts.keys.revoke(trx, owner.tenant, request.id, principalName(owner));
          return { key: view(key, owner), revoked };
        },
      });
      // Also when it is a repeat: the word of the first time may have been lost with its replica.
      if (answer.key?.state === KeyState.REVOKED) parts.revoked(answer.key.id);
      return answer;
    },
  };
}

const KIND: { readonly [kind in ListedKind]: KeyKind } = {
  owner: KeyKind.OWNER,
  worker: KeyKind.WORKER,
  join: KeyKind.JOIN_TOKEN,
};

const WANTED: { readonly [kind in KeyKind]: ListedKind | undefined } = {
  [KeyKind.UNSPECIFIED]: undefined,
  [KeyKind.OWNER]: 'owner',
  [KeyKind.WORKER]: 'worker',
  [KeyKind.JOIN_TOKEN]: 'join',
};

const STATE: { readonly [state in StoredKey['state']]: KeyState } = {
  valid: KeyState.VALID,
  revoked: KeyState.REVOKED,
  used: KeyState.USED,
  expired: KeyState.EXPIRED,
};

const view = (key: StoredKey, owner: OwnerPrincipal): MessageInitShape<typeof KeySchema> => ({
  id: key.id,
  kind: KIND[key.kind],
  state: STATE[key.state],
  name: key.name,
  packages: [...key.packages],
  pool: key.pool,
  device: key.device,
  createTime: timestampFromMs(key.createdAt),
  ...(key.expiresAt === undefined ? {} : { expireTime: timestampFromMs(key.expiresAt) }),
  ...(key.revokedAt === undefined ? {} : { revokeTime: timestampFromMs(key.revokedAt) }),
  own: key.kind === 'owner' && key.id === owner.id,
});
