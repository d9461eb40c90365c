// Who is connected: the sessions of this replica, which models they offer, and the watches that end sessions whose device or key
// may not be here any more.

import type { Dispatcher } from '../../control/dispatch/dispatcher.ts';
import type { ConnectedWorker } from '../../control/dispatch/session-ports.ts';
import { watchKeys } from '../../control/gateway/key-watch.ts';
import { ModelNews } from '../../control/gateway/model-news.ts';
import { OwnerStreams } from '../../control/gateway/owner-streams.ts';
import { SessionWatch } from '../../control/gateway/session-watch.ts';
import { Sessions } from '../../control/gateway/sessions.ts';
import { DeviceSessions } from '../../control/identity/device-sessions.ts';
import { endedWorkerTokens } from '../../control/identity/workers.ts';
import type { Identities } from './identities.ts';
import type { Ground } from './options.ts';
import type { Store } from './store.ts';

export interface Connected {
  readonly sessions: Sessions;
  readonly news: ModelNews;
  readonly owners: OwnerStreams;
}

/** @param remotes the workers of other replicas; not asked before dispatch stands */
export function openSessions({ config, clock, life }: Ground, remotes: () => readonly ConnectedWorker[]): Connected {
  const sessions: Sessions = new Sessions(remotes, () => news.changed());
  const news = new ModelNews({ edges: () => sessions.edges(), clock, everyMs: config.heartbeatMs });
  life.onStop('model news', async () => news.stop());
  news.start();
  return { sessions, news, owners: new OwnerStreams() };
}

/** Ends sessions that another replica has taken over, and those of removed devices and revoked keys. */
export function watchSessions(
  { config, clock, life, log }: Ground,
  { database }: Store,
  { keys, authenticator }: Identities,
  { sessions, owners }: Connected,
  { dispatcher }: { readonly dispatcher: Pick<Dispatcher, 'onKeyRevoked'> },
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
    endedWorkerKeys: (ids) => endedWorkerTokens(database.db, ids),
    endedOwnerKeys: (ids) => keys.endedOwnerKeys(ids),
    cache: authenticator,
    clock,
    log,
    everyMs,
  });
  const unlisten = dispatcher.onKeyRevoked((id) => keyWatch.revoked(id));
  life.onStop('key watch', async () => {
    unlisten();
    keyWatch.stop();
  });
  return watch;
}
