// The metrics of this replica: what its commits add, what its parts and the database tell when somebody reads them, and the listener for
// that. Nothing of it is loaded unless it has a port.
import { randomBytes } from 'node:crypto';
import { homePaths } from '../../base/home.ts';
import type { LoopFigures } from '../../base/loop-watch.ts';
import { readOrCreatePrivate } from '../../base/private-file.ts';
import { type MetricValue, SERVICES } from '../../base/telemetry/names.ts';
import type { HealthBoard } from '../../control/gateway/health.ts';
import { listenForScrapers } from '../../control/gateway/metrics-listener.ts';
import type { ServerTls } from '../../control/gateway/server.ts';
import type { RateLimiter } from '../../control/queue/rate-limiter.ts';
import { wantedWorkers } from '../../control/routing/pools.ts';
import { edgeMeasures } from '../../control/telemetry/edge-told.ts';
import { runMeasures } from '../../control/telemetry/run-measures.ts';
import { stateMeasures } from '../../control/telemetry/state-measures.ts';
import type { Connected } from './connected.ts';
import type { Ground } from './options.ts';
import type { Store } from './store.ts';
import type { ToldByEdges } from './told-by-edges.ts';
import type { Work } from './work.ts';

interface Told {
  readonly health: HealthBoard;
  readonly turns: { readonly figures: LoopFigures };
  readonly tls: ServerTls | undefined;
  readonly limiter: Pick<RateLimiter, 'refused'>;
  readonly told: ToldByEdges;
}

/** Throws LISTEN_FAILED, INSECURE_LISTEN, SECRET_FILE_UNSAFE. */
export async function openControlMetrics(
  { config, clock, home, life, log, replica }: Ground,
  { database }: Store,
  { sessions, pools, circuits }: Connected,
  { runs }: Work,
  { health, turns, tls, limiter, told }: Told,
): Promise<void> {
  if (config.metricsPort === 0) return;
  const { openMetrics } = await import('../../base/telemetry/metrics-sdk.ts');
  const state = stateMeasures(
    database.db,
    () => clock.monotonic(),
    pools.length > 0 ? (demands) => wantedWorkers(pools, demands) : undefined,
  );
  const metrics = openMetrics({ 'service.name': SERVICES.control, 'service.instance.id': replica }, async () => [
    ...healthMeasures(health),
    ...sessionMeasures(sessions),
    ...poolMeasures(sessions, pools),
    { metric: 'circuits', value: circuits.open, labels: {} },
    ...processMeasures(turns.figures),
    ...[...limiter.refused()].map(([rate, value]) => ({ metric: 'rateRefusals', value, labels: { rate } }) as const),
    ...(await state()),
  ]);
  life.onStop('metrics', () => metrics.close());
  const unlisten = runs.onCommitted(({ state: run, events, isOwn }) => {
    // What another replica committed, that one counts.
    if (!isOwn) return;
    for (const measure of runMeasures(run, events)) metrics.record(measure);
  });
  told.onTold((_edge, telling) => {
    for (const measure of edgeMeasures(telling)) metrics.record(measure);
  });
  const listener = await listenForScrapers({
    host: config.metricsHost,
    port: config.metricsPort,
    tls,
    key: config.metricsKey?.reveal() ?? ownKey(home),
    text: () => metrics.text(),
    health: () => Object.fromEntries(partsOf(health)),
    log,
  });
  life.onStop('listener of metrics', async () => {
    unlisten();
    await listener.close();
  });
  log.info('metrics are told', { url: listener.url });
}

const ownKey = (home: string): string =>
  readOrCreatePrivate(homePaths(home).metricsKey, () => `${randomBytes(32).toString('base64url')}\n`).trim();

const partsOf = (health: HealthBoard): [string, boolean][] =>
  health.services().map((service) => [service === '' ? 'all' : service, health.get(service) === true]);

const healthMeasures = (health: HealthBoard): MetricValue[] =>
  partsOf(health).map(([service, well]) => ({ metric: 'serving', value: well ? 1 : 0, labels: { service } }));

function poolMeasures(sessions: Connected['sessions'], pools: Connected['pools']): MetricValue[] {
  const workers = sessions.workers().map((worker) => worker.view().pool);
  const count = (name: string) => workers.filter((pool) => pool === name).length;
  return pools.map(({ name }) => ({ metric: 'poolWorkers', value: count(name), labels: { pool: name } }));
}

function sessionMeasures(sessions: Connected['sessions']): MetricValue[] {
  const workers = sessions.workers();
  let free = 0;
  let all = 0;
  for (const worker of workers) {
    free += worker.view().freeSlots;
    all += worker.hello.slots;
  }
  return [
    { metric: 'sessions', value: sessions.edges().length, labels: { peer: 'edge' } },
    { metric: 'sessions', value: workers.length, labels: { peer: 'worker' } },
    { metric: 'slots', value: free, labels: { state: 'free' } },
    { metric: 'slots', value: Math.max(all - free, 0), labels: { state: 'taken' } },
  ];
}

function processMeasures({ over, longestMs }: LoopFigures): MetricValue[] {
  const { user, system } = process.cpuUsage();
  return [
    { metric: 'turnOver', value: over, labels: {} },
    { metric: 'turnLongest', value: longestMs / 1000, labels: {} },
    { metric: 'memory', value: process.memoryUsage.rss(), labels: {} },
    { metric: 'cpu', value: user / 1e6, labels: { 'cpu.mode': 'user' } },
    { metric: 'cpu', value: system / 1e6, labels: { 'cpu.mode': 'system' } },
  ];
}
