// Starts the control plane of `up` with worker and edge as children beside it, each when what it needs is there, and says when all
// are connected.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import { homePaths } from '../base/home.ts';
import type { Lifecycle } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import type { ControlConfig } from '../control/config.ts';
import type { ChildView } from '../control/gateway/api/status-api.ts';
import { edgeSet } from '../edge/config/setting-sources.ts';
import { type Identity, readIdentity } from '../edge/identity/identity.ts';
import type { WorkerSettings } from '../worker/program/settings.ts';
import type { ChildOfUp } from './child-of-up.ts';
import { startEdgeChild } from './edge-child.ts';
import { type RunningControl, startControl } from './start-control.ts';
import { StartNews } from './start-news.ts';
import { startWorkerChild } from './worker-child.ts';

const READY_MS = 120_000;

export interface UpSettings {
  readonly config: ControlConfig;
  readonly worker: WorkerSettings;
  /** What `--set` said, for all three. */
  readonly set: readonly string[];
}

export interface StartAll extends UpSettings {
  readonly home: string;
  /** Folders and files that may be read, beside those of config.yaml. */
  readonly allow: readonly string[];
  readonly allowWrite: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told in words what goes on. */
  readonly say: (line: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends all three in order, also what was started before an error. */
  readonly life: Lifecycle;
  readonly signal: AbortSignal;
}

export interface RunningAll {
  readonly control: RunningControl;
  /** Resolves with the name of the device when worker and edge are connected; rejects when one of them cannot start. */
  readonly joined: Promise<string>;
}

/** Throws what stands in the way of the control plane. */
export async function startAll(options: StartAll): Promise<RunningAll> {
  const { config, life, say, clock, signal } = options;
  const started = Promise.withResolvers<RunningControl>();
  // Before the control plane: they load their programs while that opens its database.
  const worker = startWorker(
    options,
    started.promise.then(({ url }) => url),
  );
  const stopWorker = () => worker.stop(config.drainMs / 2);
  life.onStop('worker', stopWorker);
  const edge = startEdge(options, started.promise);
  const stopEdge = () => edge.child.stop(config.drainMs / 2);
  life.onStop('edge', stopEdge);
  const news = new StartNews(say, clock);
  news.step(
    isFirst(options)
      ? 'unpacking a new database, once, and starting the control plane ...'
      : 'starting the control plane ...',
  );
  life.onStop('news of the start', () => news.end());
  const control = await startControl({
    home: options.home,
    config,
    clock,
    log: options.log,
    progress: say,
    signal,
    children: () => [worker.figures(), edge.child.figures()],
  });
  life.onStop('control plane', async () => void (await control.stop(config.drainMs)));
  // Before the control plane, which takes the results of what they finish.
  life.onStop('worker before the control plane', stopWorker);
  life.onStop('edge before the worker', stopEdge);
  news.step('waiting for the worker and the edge ...');
  started.resolve(control);
  const joined = edge.child.ready.then(() => deviceOf(options.home));
  const everyone = joined.then((device) =>
    everyoneIn(control, device, {
      clock,
      signal,
      waits: () => !edge.refused(),
      model: () => modelComes(worker.figures()),
    }),
  );
  const all = Promise.all([joined, worker.ready, everyone]).finally(() => news.end());
  return { control, joined: all.then(([device]) => device) };
}

/** Whether there is no embedded database yet. */
const isFirst = ({ home, config }: StartAll): boolean =>
  config.databaseUrl === undefined && !existsSync(join(homePaths(home).control, 'pg', 'data'));

/** @param control resolves with the URL of the control plane when it listens */
function startWorker(
  { home, worker, set, env, config, say, clock, log }: StartAll,
  control: Promise<string>,
): ChildOfUp {
  const drainMs = config.drainMs / 2;
  return startWorkerChild({ home, control, settings: worker, set, env, drainMs, onMissing: say, say, clock, log });
}

/** The edge of this home, and whether the control plane refuses it. */
function startEdge({ home, allow, allowWrite, set, env, say, clock, log }: StartAll, started: Promise<RunningControl>) {
  let refused = false;
  let removed: Promise<string | undefined> | undefined;
  /** When the database is another one than the edge joined, or its device was removed before this start: not while it runs. */
  const joinsAnew = async (control: RunningControl, { device, name, signingKey }: Identity) => {
    if (Buffer.compare(signingKey.publicKey, control.publicKey) !== 0) return true;
    removed ??= control.wasRemoved(device).then((was) => (was ? device : undefined));
    if ((await removed) !== device) return false;
    say(`the device ${name} of this home was removed; it joins again as a new device`);
    return true;
  };
  const child = startEdgeChild({
    home,
    allow,
    allowWrite,
    set: edgeSet(set),
    env,
    logFile: join(homePaths(home).logs, 'edge.log'),
    dial: async () => {
      const known = await readIdentity(homePaths(home).device);
      const control = await started;
      if (known && !(await joinsAnew(control, known))) return control.url;
      return `${control.url} ${await control.createJoinToken('')}`;
    },
    say,
    onRefused: (why) => {
      refused = true;
      say(`the edge is refused by the control plane: ${why}`);
    },
    clock,
    log,
  });
  return { child, refused: () => refused };
}

const deviceOf = async (home: string): Promise<string> => (await readIdentity(homePaths(home).device))?.name ?? '';

/** Whether a model of this worker is to be waited for: it serves one, and has not said that it cannot. */
const modelComes = ({ noModel, missing = [] }: ChildView): boolean =>
  !noModel && !missing.some((each) => each.startsWith('llm'));

interface EveryoneParts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Whether the wait has an end: an owner who is told what to do needs this control plane for it. */
  readonly waits: () => boolean;
  /** Whether a model will come. */
  readonly model: () => boolean;
}

/** Resolves when a worker and the edge of this home are connected; other edges may be, too. */
async function everyoneIn(
  control: RunningControl,
  device: string,
  { clock, signal, waits, model }: EveryoneParts,
): Promise<void> {
  const end = clock.monotonic() + READY_MS;
  while (!signal.aborted) {
    if (control.devices().includes(device) && (control.model() !== undefined || !model())) return;
    if (waits() && clock.monotonic() > end)
      throw new AppError('DEADLINE_EXCEEDED', { after: `${READY_MS} ms of waiting for worker and edge` });
    await new Promise<void>((resolve) => setTimeout(resolve, 20));
  }
}
