// Composes the control plane of its parts (control-plane/) and starts it. Everything is passed in here; nothing is looked up
// elsewhere.
import type { ModelInfo } from '../../gen/bowline/common/v1/common_pb.ts';
import { serverUrl } from '../base/host.ts';
import { newId } from '../base/ids.ts';
import { Lifecycle } from '../base/lifecycle.ts';
import { watchLoop } from '../base/loop-watch.ts';
import { sparing } from '../base/sparing-logger.ts';
import { RequestFaults } from '../base/stray-errors.ts';
import { CallsUnderWay } from '../control/gateway/calls-under-way.ts';
import { mustBeListenable } from '../control/gateway/server.ts';
import { DEFAULT_TENANT } from '../control/identity/owner-key.ts';
import { DatabaseClock } from '../control/store/database-clock.ts';
import { startUpkeep } from '../control/store/upkeep.ts';
import { apiServices, meshParts } from './control-plane/api.ts';
import { openSessions, watchSessions } from './control-plane/connected.ts';
import { beReady, openConditions, openHealth } from './control-plane/health.ts';
import { openIdentities } from './control-plane/identities.ts';
import { keepOf } from './control-plane/keep.ts';
import { drain, listenerTls, openListener } from './control-plane/listener.ts';
import { openControlMetrics } from './control-plane/metrics.ts';
import type { ControlOptions, Ground } from './control-plane/options.ts';
import { openPorts } from './control-plane/ports.ts';
import { edgeSessionService, workerSessionService } from './control-plane/session-services.ts';
import { openStore } from './control-plane/store.ts';
import { openToldByEdges } from './control-plane/told-by-edges.ts';
import { openControlTraces } from './control-plane/traces.ts';
import { startWork } from './control-plane/work.ts';

export interface RunningControl {
  readonly url: string;
  readonly replica: string;
  readonly tenant: string;
  readonly database: 'postgres' | 'pglite';
  readonly ownerKey: string;
  /** Key with which the workers beside this control plane connect. */
  readonly workerKey: string;
  /** Raw public key by which clients know this control plane. */
  readonly publicKey: Uint8Array;
  /** The model that would answer now. */
  model(): ModelInfo | undefined;
  /** Names of the devices that are connected. */
  devices(): string[];
  createJoinToken(name: string): Promise<string>;
  /** Whether this device was removed. */
  wasRemoved(device: string): Promise<boolean>;
  /** Drains within the deadline; true when everything ended in time. */
  stop(deadlineMs: number): Promise<boolean>;
}

/** Opens the database, starts all loops and listens. Throws what stands in the way (PORT_TAKEN, HOME_LOCKED, ...). */
export async function startControl(options: ControlOptions): Promise<RunningControl> {
  const clock = new DatabaseClock(options.clock);
  const life = new Lifecycle(options.log);
  try {
    return await compose({ ...options, clock, life, replica: newId(), startedAt: clock.now() });
  } catch (error) {
    await life.stop(options.config.drainMs);
    throw error;
  }
}

/** From the ground up: the store, who is known, the ports of dispatch, who is connected, the work, then the listener, which lets them in. */
async function compose(ground: Ground): Promise<RunningControl> {
  const { config, clock, life, log, replica } = ground;
  const tls = listenerTls(config);
  await mustBeListenable(config.host, config.port, tls !== undefined);
  const store = await openStore(ground);
  const identities = await openIdentities(ground, store);
  const ports = await openPorts(ground, store);
  const connected = openSessions(ground, ports);
  const work = await startWork(ground, store, identities, ports, connected);
  const health = openHealth(ground, identities, connected, work);
  const conditions = openConditions(ground, store, identities, connected, work, health);
  const watch = watchSessions(ground, store, identities, connected, work.dispatch.signals);

  const faults = new RequestFaults(log);
  const turns = watchLoop(sparing(log, clock));
  life.onStop('turn watch', () => turns.stop());
  const underWay = new CallsUnderWay();
  const told = openToldByEdges(ground);
  const services = {
    ...apiServices(ground, store, identities, connected, work, { health, faults, turns, conditions }),
    edge: edgeSessionService(ground, store, identities, connected, work, { watch, conditions, onTelemetry: told.take }),
    worker: workerSessionService(ground, identities, connected, work),
    plugins: identities.plugins,
    health,
    mesh: meshParts(ground, identities, connected, work, underWay),
  };
  const server = await openListener(ground, identities, connected.owners, services, { tls, faults, rates: ports });
  // Shares of the time that the shutdown has, so that a peer that hangs in one step leaves time for the others.
  let budgetMs = config.drainMs;
  const { sessions } = connected;
  const { dispatch } = work;
  life.onStop('listener', () => server.close(Math.min(budgetMs / 4, 2_000)));
  life.onStop('sessions', () => drain({ sessions, dispatch, underWay, clock }, budgetMs / 2));
  // Before the sessions: whoever is asked to leave must not come back to this replica.
  life.onStop('new connections', () => server.refuse());
  const { limiter } = ports;
  await openControlMetrics(ground, store, connected, work, { health, turns, tls, limiter, told });
  await openControlTraces(ground, store, work, told);
  await beReady(ground, health, store, ports);
  const graceMs = config.blobGraceHours * 3_600_000;
  const collect = (signal: AbortSignal | undefined) => store.blobs.sweep(graceMs, signal);
  const archive = config.archive ? store.archive : undefined;
  life.onStop('upkeep', startUpkeep(store.database, { clock, log, keep: keepOf(config), collect, archive }));

  const url = serverUrl(tls !== undefined, server.host, server.port);
  log.info('the control plane listens', { url, database: store.database.kind, replica });
  return {
    url,
    replica,
    tenant: DEFAULT_TENANT,
    database: store.database.kind,
    ownerKey: identities.owner.key,
    workerKey: identities.workerKey,
    publicKey: identities.signer.publicKey,
    model: () => sessions.modelFor(DEFAULT_TENANT),
    devices: () => sessions.edges().map((edge) => edge.deviceName),
    createJoinToken: async (name) =>
      (await identities.enrolment.createJoinToken(DEFAULT_TENANT, name, 10 * 60_000, 'control')).token,
    wasRemoved: async (id) => (await identities.devices.removedName({ tenant: DEFAULT_TENANT, id })) !== undefined,
    stop: (deadlineMs) => {
      budgetMs = deadlineMs;
      return life.stop(deadlineMs);
    },
  };
}
