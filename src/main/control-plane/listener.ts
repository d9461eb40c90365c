// The listener: its certificate, what it bounds, and how it is left when the replica stops.
import { readFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { readHandedOver } from '../../base/private-file.ts';
import { Secret } from '../../base/secret.ts';
import type { RequestFaults } from '../../base/stray-errors.ts';
import { errorInterceptor } from '../../contract/rpc-errors.ts';
import type { ControlConfig } from '../../control/config.ts';
import type { CallsUnderWay } from '../../control/gateway/calls-under-way.ts';
import {
  authGate,
  goneInterceptor,
  headerInterceptor,
  needsNoCredential,
  validateInterceptor,
} from '../../control/gateway/interceptors.ts';
import { type OwnerStreams, ownerStreamInterceptor } from '../../control/gateway/owner-streams.ts';
import { type RateGateParts, rateGate } from '../../control/gateway/rate-gate.ts';
import { pluginRoutes, routes, type Services } from '../../control/gateway/routes.ts';
import { listen, type RunningServer, type ServerTls } from '../../control/gateway/server.ts';
import type { Sessions } from '../../control/gateway/sessions.ts';
import type { Dispatch } from './dispatch.ts';
import type { Identities } from './identities.ts';
import type { Ground } from './options.ts';

/** Edges connect again within a second of being asked; those that are older than that wait for nothing else. */
const EDGES_LEAVE_MS = 2_000;

/** Throws TLS_UNUSABLE, and SECRET_FILE_UNSAFE for a key that others can read. */
export function listenerTls({ tlsCert, tlsKey }: ControlConfig): ServerTls | undefined {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const key = new Secret(readHandedOver(tlsKey));
  try {
    return { cert: readFileSync(tlsCert, 'utf8'), key };
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('TLS_UNUSABLE', { problem }, { cause });
  }
}

export interface ListenerParts {
  readonly tls: ServerTls | undefined;
  readonly faults: RequestFaults;
  readonly rates: RateGateParts;
}

/** Throws PORT_TAKEN, LISTEN_FAILED. */
export function openListener(
  { config, clock, log }: Ground,
  { signer, authenticator, plugins }: Identities,
  owners: OwnerStreams,
  services: Services,
  { tls, faults, rates }: ListenerParts,
): Promise<RunningServer> {
  return listen({
    host: config.host,
    port: config.port,
    heartbeatMs: config.heartbeatMs,
    maxFrameBytes: config.maxFrameBytes,
    maxPeers: config.maxPeers,
    maxStrangers: config.maxStrangers,
    maxStreams: config.maxStreams,
    maxStrangerCalls: config.maxStrangerCalls,
    maxStrangerBytes: config.maxStrangerBytes,
    maxHeaderBytes: config.maxHeaderBytes,
    maxBegunBytes: config.maxBegunBytes,
    tls,
    isOpen: needsNoCredential,
    sign: signer.sign,
    gate: authGate(authenticator, log),
    clock,
    log,
    faults,
    interceptors: [
      errorInterceptor(log),
      goneInterceptor,
      rateGate(rates),
      ownerStreamInterceptor(owners),
      headerInterceptor,
      validateInterceptor,
    ],
    changing: pluginRoutes({ mesh: services.mesh, plugins }, log),
    routes: routes(services),
  });
}

interface Drained {
  readonly sessions: Sessions;
  readonly dispatch: Dispatch;
  readonly underWay: CallsUnderWay;
  readonly clock: Clock;
}

/** Asks everyone to leave, waits a bounded time for calls and for workers to finish what they hold, then ends the sessions. */
export async function drain({ sessions, dispatch, underWay, clock }: Drained, ms: number): Promise<void> {
  dispatch.leave();
  for (const worker of sessions.workers()) worker.drain(ms);
  const edgesMs = Math.min(ms / 2, EDGES_LEAVE_MS);
  for (const edge of sessions.edges()) edge.drain(edgesMs);
  const answered = underWay.drain(clock, ms);
  const begin = clock.monotonic();
  const within = (limit: number) => clock.monotonic() - begin < limit;
  while ((dispatch.jobs.running > 0 && within(ms)) || (sessions.edges().length > 0 && within(edgesMs))) {
    await new Promise<void>((resolve) => clock.after(20, resolve));
  }
  for (const edge of sessions.edges()) edge.end();
  await answered;
  for (const worker of sessions.workers()) worker.end();
}
