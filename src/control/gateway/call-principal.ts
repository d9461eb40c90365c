// The principal of a call: what its credential proves. Put there by the interceptor, read by handlers.
import { type ContextValues, createContextKey, type HandlerContext } from '@connectrpc/connect';
import { AppError } from '../../base/errors.ts';
import type { DevicePrincipal, OwnerPrincipal, Principal, WorkerPrincipal } from '../identity/principal.ts';

export const principalKey = createContextKey<Principal | undefined>(undefined, { description: 'principal' });

/** Who calls, as what is counted by peer is counted. */
export function peerOf(values: Pick<ContextValues, 'get'>): string {
  const principal = values.get(principalKey);
  return principal ? `${principal.kind} ${principal.id}` : 'nobody';
}

/** The owner who calls. Throws PERMISSION_DENIED for a device or worker. */
export function ownerOf(context: Pick<HandlerContext, 'values'>): OwnerPrincipal {
  return expect(context, 'owner') as OwnerPrincipal;
}

/** The device that calls. */
export function deviceOf(context: Pick<HandlerContext, 'values'>): DevicePrincipal {
  return expect(context, 'device') as DevicePrincipal;
}

/** The worker that calls. */
export function workerOf(context: Pick<HandlerContext, 'values'>): WorkerPrincipal {
  return expect(context, 'worker') as WorkerPrincipal;
}

function expect(context: Pick<HandlerContext, 'values'>, kind: Principal['kind']): Principal {
  const principal = context.values.get(principalKey);
  if (!principal) throw new AppError('UNAUTHENTICATED', { hint: 'owner.key in the home folder' });
  if (principal.kind !== kind) throw new AppError('PERMISSION_DENIED', { what: `only a ${kind} key may call this` });
  return principal;
}
