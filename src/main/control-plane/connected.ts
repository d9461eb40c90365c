// Who is connected: the sessions of this replica, which models they offer, and the watches that end sessions whose device or key
// may not be here any more.

import type { PresentWorker } from '../../control/dispatch/session-ports.ts';
import { ModelNews } from '../../control/gateway/model-news.ts';
import { SessionWatch } from '../../control/gateway/session-watch.ts';
import { Sessions } from '../../control/gateway/sessions.ts';
import { watchWorkers } from '../../control/gateway/worker-watch.ts';
import { DeviceSessions } from '../../control/identity/device-sessions.ts';
import { endedWorkerTokens } from '../../control/identity/workers.ts';
import type { Ground } from './options.ts';
import type { Store } from './store.ts';

export interface Connected {
  readonly sessions: Sessions;
  readonly news: ModelNews;
}

/** @param remotes the workers of other replicas; not asked before dispatch stands */
export function openSessions({ config, clock, life }: Ground, remotes: () => readonly PresentWorker[]): Connected {
  const sessions: Sessions = new Sessions(remotes, () => news.changed());
  const news = new ModelNews({ edges: () => sessions.edges(), clock, everyMs: config.heartbeatMs });
  life.onStop('model news', async () => news.stop());
  news.start();
  return { sessions, news };
}

/** Ends sessions that another replica has taken over, and those of removed devices and revoked keys. */
export function watchSessions({ config, clock, life, log }: Ground, { database }: Store, { sessions }: Connected) {
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
  const unwatch = watchWorkers({
    workers: () => sessions.workers(),
    ended: (tokens) => endedWorkerTokens(database.db, tokens),
    clock,
    log,
    everyMs,
  });
  life.onStop('worker watch', unwatch);
  return watch;
}
