// Whether this replica is well: its health board, what a restored database stops on it, and whether it is ready.
import type { Condition } from '../../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../../base/errors.ts';
import { PastEpochs } from '../../control/dispatch/loops/past-epochs.ts';
import { conditionsOf } from '../../control/gateway/conditions.ts';
import { HealthBoard } from '../../control/gateway/health.ts';
import { commitProbe } from '../../control/store/can-commit.ts';
import { DATABASE, QUEUE, watchReadiness } from '../readiness.ts';
import type { Connected } from './connected.ts';
import type { Identities } from './identities.ts';
import type { Ground } from './options.ts';
import type { OpenPorts } from './ports.ts';
import type { Store } from './store.ts';
import type { Work } from './work.ts';

/** Between two looks at whether the database and the queue answer. */
const READY_MS = 2_000;
/** So long after a commit was not taken, and none since, this replica is not ready. */
const REFUSED_MS = 10_000;

/** On the health board: whether the work of all tenants goes on. */
const DISPATCH = 'dispatch';

/** The health board. A restored database ends the sessions of its tenant; when its owner has said how it goes on, so does the work. */
export function openHealth(
  { log }: Ground,
  { restored }: Identities,
  { sessions }: Connected,
  { runs, outbox }: Work,
): HealthBoard {
  const health = new HealthBoard();
  health.set(DISPATCH, !restored.anyStopped);
  restored.onStopped((tenant, why) => {
    health.set(DISPATCH, false);
    for (const edge of sessions.edges()) if (edge.tenant === tenant) edge.end(why);
  });
  const past = new PastEpochs({ runs, outbox, log });
  const goOn = () => {
    health.set(DISPATCH, !restored.anyStopped);
    void past.end(restored.epochBase);
  };
  restored.onRecovered(goOn);
  if (restored.epochBase > 0) goOn();
  return health;
}

/** What stands in the way of answers to a tenant now. Connected edges are told when it changes. */
export function openConditions(
  { children, life }: Ground,
  { disk }: Store,
  { restored }: Identities,
  { sessions, refusals, news }: Connected,
  { budgets }: Work,
  health: HealthBoard,
): (tenant: string) => Condition[] {
  disk.onChange(() => news.changed());
  life.onStop(
    'news of the health',
    health.watch(() => news.changed()),
  );
  return (tenant) =>
    conditionsOf({
      stopped: restored.why(tenant),
      disk: disk.short,
      database: health.whyNot(DATABASE),
      queue: health.whyNot(QUEUE),
      hasModel: sessions.modelFor(tenant) !== undefined,
      modelRefused: refusals.of(tenant),
      children: children?.() ?? [],
      budgets: budgets.warned(tenant),
    });
}

/** Resolves after the first look. */
export async function beReady(ground: Ground, health: HealthBoard, store: Store, { ping }: OpenPorts): Promise<void> {
  const { clock, life, log, replica } = ground;
  const probe = commitProbe(store.database.pool, replica);
  const notReady = await watchReadiness({
    health,
    database: async () => {
      if (store.disk.short) throw new AppError('STORE_UNAVAILABLE', { problem: 'its disk is full' });
      await probe();
      // A full disk may take the query and no commit.
      if (store.refusesCommits(REFUSED_MS))
        throw new AppError('STORE_UNAVAILABLE', { problem: 'commits are not taken' });
    },
    queue: ping,
    clock,
    log,
    everyMs: READY_MS,
  });
  life.onStop('readiness', notReady);
}
