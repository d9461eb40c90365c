// Who is connected: the sessions of this replica, the workers of the others, which models they offer, and the watches that end
// sessions whose device or key may not be here any more.

import type { Signals } from '../../control/dispatch/signals/signals.ts';
import { Circuits } from '../../control/dispatch/workers/circuits.ts';
import { LocalWorkers } from '../../control/dispatch/workers/local-workers.ts';
import { ModelRefusals } from '../../control/dispatch/workers/model-refusals.ts';
import { WorkerPresence } from '../../control/dispatch/workers/worker-presence.ts';
import { watchKeys } from '../../control/gateway/key-watch.ts';
import { ModelNews } from '../../control/gateway/model-news.ts';
import { OwnerStreams } from '../../control/gateway/owner-streams.ts';
import { SessionWatch } from '../../control/gateway/session-watch.ts';
import { Sessions } from '../../control/gateway/sessions.ts';
import { DeviceSessions } from '../../control/identity/device-sessions.ts';
import { endedWorkerKeys } from '../../control/identity/workers.ts';
import type { DeclaredPool } from '../../control/routing/pools.ts';
import { readPools } from '../../control/routing/read-pools.ts';
import type { Identities } from './identities.ts';
import type { Ground } from './options.ts';
import type { OpenPorts } from './ports.ts';
import type { Store } from './store.ts';

export interface Connected {
  readonly sessions: Sessions;
  /** The workers of this replica that may be given jobs. */
  readonly local: LocalWorkers;
  /** The workers of all replicas; silent until dispatch starts it. */
  readonly presence: WorkerPresence;
  /** As their operator declared them. */
  readonly pools: readonly DeclaredPool[];
  readonly news: ModelNews;
  /** What models failed with that only their owners can mend. */
  readonly refusals: ModelRefusals;
  readonly circuits: Circuits;
  readonly owners: OwnerStreams;
}

/** Times that a circuit is open longer than the first time, at most. */
const CIRCUIT_MOST = 6;

export function openSessions({ config, clock, life, log, replica }: Ground, { ports }: OpenPorts): Connected {
  const local = new LocalWorkers();
  const pools = readPools(config.poolsFile);
  const presence = new WorkerPresence({
    bus: ports.bus,
    clock,
    log,
    replica,
    everyMs: config.scanMs,
    expireMs: Math.max(config.leaseMs, 3 * config.scanMs),
    local: () => local.all(),
    pools,
  });
  const sessions = new Sessions(() => presence.remotes());
  const news = new ModelNews({ edges: () => sessions.edges(), clock, everyMs: config.heartbeatMs });
  life.onStop('model news', async () => news.stop());
  sessions.onWorkers(() => news.changed());
  news.start();
  const refusals = new ModelRefusals(() => news.changed());
  const rules = {
    jobs: config.circuitJobs,
    windowMs: config.circuitWindowMs,
    openMs: config.circuitOpenMs,
    mostMs: CIRCUIT_MOST * config.circuitOpenMs,
  };
  const circuits = new Circuits({ clock, log, rules, changed: () => local.tell() });
  return {
    sessions,
    local,
    presence,
    pools,
    news,
    refusals,
    circuits,
    owners: new OwnerStreams(config.maxOwnerStreams),
  };
}

/** Ends sessions that another replica has taken over, and those of removed devices and revoked keys. */
export function watchSessions(
  { config, clock, life, log }: Ground,
  { database }: Store,
  { keys, authenticator }: Identities,
  { sessions, owners }: Connected,
  signals: Pick<Signals, 'ofKeys'>,
): SessionWatch {
  const everyMs = config.heartbeatMs;
  const watch = new SessionWatch({
    rows: new DeviceSessions(database.db),
    edges: () => sessions.edges(),
    clock,
    log,
    everyMs,
  });
  life.onStop('session watch', () => watch.stop());
  watch.start();
  const keyWatch = watchKeys({
    workers: () => sessions.workers(),
    owners,
    endedWorkerKeys: (ids) => endedWorkerKeys(database.db, ids),
    endedOwnerKeys: (ids) => keys.endedOwnerKeys(ids),
    cache: authenticator,
    clock,
    log,
    everyMs,
  });
  const unlisten = signals.ofKeys((id) => keyWatch.revoked(id));
  life.onStop('key watch', async () => {
    unlisten();
    keyWatch.stop();
  });
  return watch;
}
