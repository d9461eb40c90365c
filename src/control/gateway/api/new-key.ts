// Keys and tokens that a request makes. One with a request id makes the same again, so that whoever lost the answer can ask once more,
// and nothing secret is stored for it.
import { withPin } from '../../../base/pin.ts';
import { type BearerKind, newKey } from '../../identity/keys.ts';
import { type OwnerPrincipal, principalName } from '../../identity/principal.ts';
import type { ToolCallKey } from '../../identity/signing-key.ts';

/** @param requestId of the request; empty makes one that is never made again */
export type NewKey = (
  kind: Exclude<BearerKind, 'device'>,
  owner: OwnerPrincipal,
  requestId: string,
) => { readonly bare: string /** As it is shown: with the pin of this control plane. */; readonly whole: string };

export const newKeyOf =
  (signer: Pick<ToolCallKey, 'secretOf' | 'publicKey'>): NewKey =>
  (kind, owner, requestId) => {
    const name = JSON.stringify([kind, owner.tenant, principalName(owner), requestId]);
    const bare = requestId === '' ? newKey(kind) : newKey(kind, signer.secretOf(name));
    return { bare, whole: withPin(bare, signer.publicKey) };
  };
