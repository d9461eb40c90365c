// A change of the public API that is made once for each request id, whatever becomes of its first answer.
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { Transaction } from 'kysely';
import { type OwnerPrincipal, principalName } from '../../identity/principal.ts';
import type { Requests } from '../../store/requests.ts';
import type { Schema } from '../../store/schema.ts';

/** A request of a method that changes something; every one of the public API has the field. */
export type WithRequestId = { readonly requestId: string };

export interface OnceChange<O extends DescMessage> {
  /** What is done outside of the transaction, before it. It must bear being done again. */
  readonly before?: () => Promise<void>;
  /** The change. What it answers is stored, so it holds no secret. */
  readonly within: (trx: Transaction<Schema>) => Promise<MessageInitShape<O>>;
}

/** Makes the change, or answers as the first time. Throws REQUEST_ID_REUSED. */
export async function once<I extends DescMessage, O extends DescMessage>(
  requests: Requests,
  owner: OwnerPrincipal,
  method: DescMethodUnary<I, O>,
  request: MessageShape<I> & WithRequestId,
  { before, within }: OnceChange<O>,
): Promise<MessageShape<O>> {
  const ref = {
    tenant: owner.tenant,
    principal: principalName(owner),
    method: method.name,
    id: request.requestId,
    body: toBinary(method.input, request),
  };
  if (before) {
    // What is done outside of the transaction is not done for a repeat; the rest the transaction itself finds out.
    const answered = await requests.answered(ref);
    if (answered) return fromBinary(method.output, answered);
    await before();
  }
  const response = await requests.once(ref, async (trx) =>
    toBinary(method.output, create(method.output, await within(trx))),
  );
  return fromBinary(method.output, response);
}
