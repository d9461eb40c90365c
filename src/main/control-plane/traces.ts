// The traces of this replica: when it commits the end of a run, the spans of that run are made of all its events, whoever committed those.
// Nothing of it is loaded unless there is a collector.
import { sparing } from '../../base/sparing-logger.ts';
import { SERVICES } from '../../base/telemetry/names.ts';
import { readRunEvent } from '../../control/orchestrator/service/event-codec.ts';
import { ifReadable } from '../../control/orchestrator/service/unreadable.ts';
import { edgeSpans, runsTold } from '../../control/telemetry/edge-told.ts';
import { runSpans } from '../../control/telemetry/run-spans.ts';
import type { Ground } from './options.ts';
import type { Store } from './store.ts';
import type { ToldByEdges } from './told-by-edges.ts';
import type { Work } from './work.ts';

/** Runs whose events are read at once; beyond them traces are left out rather than the database slowed down. */
const MOST_AT_ONCE = 16;

export async function openControlTraces(
  { config, clock, life, log, replica }: Ground,
  { events: store }: Store,
  { runs }: Work,
  told: ToldByEdges,
): Promise<void> {
  if (config.otlpUrl === undefined) return;
  const { openTraces } = await import('../../base/telemetry/trace-sdk.ts');
  const traces = openTraces(config.otlpUrl, { 'service.name': SERVICES.control, 'service.instance.id': replica });
  const spared = sparing(log, clock);
  let underWay = 0;
  const unlisten = runs.onCommitted(({ tenant, run, state, events, isOwn }) => {
    if (!isOwn || !events.some(({ event }) => event.case === 'ended')) return;
    if (underWay >= MOST_AT_ONCE) return spared.warn('traces are left out: too many runs end at once');
    underWay++;
    store
      .load(tenant, run)
      .then(({ events: all }) => traces.send(runSpans(state, all.map(readRunEvent))))
      .catch((error: unknown) => spared.warn('the trace of a run could not be made', { run, problem: String(error) }))
      .finally(() => underWay--);
  });
  told.onTold(({ tenant, device }, telling) => {
    const wanted = runsTold(telling);
    if (wanted.length === 0) return;
    if (underWay >= MOST_AT_ONCE) return spared.warn('traces are left out: edges tell too much at once');
    underWay++;
    ownRuns(runs, tenant, device, wanted)
      .then((own) => traces.send(edgeSpans(device, telling, (run) => own.has(run))))
      .catch((error: unknown) =>
        spared.warn('what an edge told could not be judged', { device, problem: String(error) }),
      )
      .finally(() => underWay--);
  });
  life.onStop('traces', async () => {
    unlisten();
    await traces.close();
  });
  log.info('traces are sent', { url: config.otlpUrl });
}

/** Those of the runs that are this device's: of others it tells nothing. */
async function ownRuns(
  runs: Pick<Work['runs'], 'state'>,
  tenant: string,
  device: string,
  wanted: readonly string[],
): Promise<ReadonlySet<string>> {
  const own = new Set<string>();
  for (const run of wanted) {
    const state = await ifReadable(runs.state(tenant, run));
    if (state?.device === device) own.add(run);
  }
  return own;
}
