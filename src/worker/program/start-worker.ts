// Puts a worker together: capabilities, transport, work loops. Used by the verb `worker` and by `up`.
import { create } from '@bufbuild/protobuf';
import { fullJitter } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import { Secret } from '../../base/secret.ts';
import { validate } from '../../contract/validate.ts';
import type { Labels, ServedCapability } from '../kit/capability.ts';
import type { Handler } from '../kit/handler.ts';
import type { Env } from '../kit/key-ref.ts';
import type { SpanSink } from '../kit/spans.ts';
import { servedMethods } from '../loop/manifest.ts';
import type { WorkLoopLimits } from '../loop/work-limits.ts';
import { WorkLoop } from '../loop/work-loop.ts';
import { grpcConnector } from '../loop/worker-transport.ts';
import { type CapabilityName, servable } from './capability-names.ts';
import { CAPABILITIES } from './served-capabilities.ts';
import type { WorkerSettings } from './settings.ts';

/** Where a worker connects, and as whom. */
export interface WorkerDial {
  /** URL of the control plane. */
  readonly control: string;
  /** Worker key (`bww_...`). */
  readonly key: string | Secret;
  /** Raw public keys, one of which the control plane must have. */
  readonly pins: readonly Uint8Array[];
}

export interface WorkerOptions {
  readonly home: string;
  /** May come late: the capabilities are opened meanwhile. */
  readonly dial: WorkerDial | Promise<WorkerDial>;
  /** Short names of the capabilities, e.g. `llm`, for which the settings name none. */
  readonly serve: readonly string[];
  /**
   * Told of a capability that cannot open here, which is then left out and tried again; without it the worker does not start. The
   * same reason in a row is told once.
   */
  readonly onMissing?: (capability: string, error: AppError) => void;
  /** Told of one that was missing and is served now. */
  readonly onFound?: (capability: string) => void;
  /** The name where the settings have none. */
  readonly name: string;
  readonly settings: WorkerSettings;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes the spans of jobs; default: nobody does. */
  readonly spans?: SpanSink | undefined;
  /** For keys that stand in the environment; default: none do. */
  readonly env?: Env;
}

export interface RunningWorker {
  /** What it serves, by short names. */
  readonly serves: readonly string[];
  readonly name: string;
  /** Resolves when each capability had its first session; rejects like `closed`. */
  readonly ready: Promise<void>;
  /** Resolves after a drain; rejects when the worker cannot go on (key refused, no common version). */
  readonly closed: Promise<void>;
  /** Whether a session of each capability stands. */
  connected(): boolean;
  /** Lets running jobs end within `ms`, then leaves; what it leaves behind is logged. */
  drain(ms: number): Promise<void>;
}

/** How long after a try the next one comes for what is missing. */
const RETRY_MS = { base: 2_000, cap: 60_000 };

/** Starts a worker; it connects by itself and again after each loss. Throws USAGE, CONFIG_INVALID, what a capability throws, and what `dial` does. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { home, clock, log, settings, env = {} } = options;
  const names = servable(settings.serve.length > 0 ? settings.serve : options.serve);
  if (names.length === 0) throw new AppError('USAGE', { what: 'a worker serves at least one capability' });
  const name = settings.name ?? options.name;
  const opened: [CapabilityName, ServedCapability][] = [];
  const missing = new Map<CapabilityName, string>();
  const openOne = async (capability: CapabilityName): Promise<ServedCapability> => {
    const open = await CAPABILITIES[capability]();
    const served = await open({ home, env, settings, clock, log: log.child({ capability }) });
    warmUp(served.handler);
    return served;
  };
  const miss = (capability: CapabilityName, error: AppError) => {
    if (missing.get(capability) !== error.message) options.onMissing?.(capability, error);
    missing.set(capability, error.message);
  };
  let dial: WorkerDial;
  try {
    // Side by side: each waits for programs of its own.
    const opening = await Promise.allSettled(names.map(openOne));
    const failed: [CapabilityName, unknown][] = [];
    for (const [index, result] of opening.entries()) {
      const capability = names[index] as CapabilityName;
      if (result.status === 'fulfilled') opened.push([capability, result.value]);
      else failed.push([capability, result.reason]);
    }
    for (const [capability, error] of failed) {
      if (!options.onMissing || !(error instanceof AppError)) throw error;
      miss(capability, error);
    }
    if (opened.length === 0) throw new AppError('USAGE', { what: 'none of the capabilities can be served here' });
    for (const [, { handler }] of opened) mustFit(handler, settings.slots);
    dial = await options.dial;
  } catch (error) {
    await closeAll(opened, log);
    throw error;
  }
  const loops: WorkLoop[] = [];
  const over = Promise.withResolvers<void>();
  let running = 0;
  const serve = (each: CapabilityName, capability: ServedCapability): WorkLoop => {
    const called = names.length > 1 ? `${name.slice(0, 127 - each.length)}-${each}` : name;
    const loop = loopOf(options, dial, called, capability);
    loops.push(loop);
    running++;
    loop.closed.then(() => --running === 0 && over.resolve(), over.reject);
    return loop;
  };
  for (const [each, capability] of opened) serve(each, capability);
  log.info('the worker starts', { name, serve: names.join(' ') });
  const closed = over.promise;
  const ready = Promise.all(loops.map((loop) => loop.ready)).then(() => {});
  closed.catch(() => {});
  ready.catch(() => {});
  let leaving = false;
  let retrying = Promise.resolve();
  const retry = async (): Promise<void> => {
    for (const each of [...missing.keys()]) {
      if (leaving) return;
      try {
        const capability = await openOne(each);
        opened.push([each, capability]);
        missing.delete(each);
        if (leaving) return;
        mustFit(capability.handler, settings.slots);
        serve(each, capability);
        log.info('a capability that was missing is served now', { capability: each });
        options.onFound?.(each);
      } catch (error) {
        if (error instanceof AppError) miss(each, error);
        else log.error('a capability could not be opened', error, { capability: each });
      }
    }
  };
  /** What stood in its way may be mended meanwhile: a file of the owner, a package that is there now. */
  const retryLater = (attempt: number): void => {
    if (leaving || missing.size === 0) return;
    clock.after(RETRY_MS.base + fullJitter(attempt, RETRY_MS.base, RETRY_MS.cap), () => {
      retrying = retry().finally(() => retryLater(attempt + 1));
    });
  };
  retryLater(1);
  return {
    get serves() {
      return opened.map(([each]) => each);
    },
    name,
    ready,
    closed,
    connected: () => loops.every((loop) => loop.connected),
    drain: async (ms) => {
      leaving = true;
      await retrying;
      await Promise.all(loops.map((loop) => loop.drain(ms)));
      await closeAll(opened, log);
    },
  };
}

/**
 * Each capability has a session of its own: its slots are its own, so that a job that waits for one of another capability never
 * keeps that from a place, and who receives what it is given is told for it alone.
 */
function loopOf(
  { clock, log, settings, spans }: WorkerOptions,
  { control, key, pins }: WorkerDial,
  name: string,
  { handler, models = [], labels }: ServedCapability,
): WorkLoop {
  return new WorkLoop({
    name,
    slots: settings.slots,
    handlers: [handler],
    models: models.slice(0, 64),
    // `tier` is 0 and `price` that of the default model, unless the settings say otherwise.
    labels: { tier: '0', ...labels, ...labelsOf(settings.labels) },
    connect: grpcConnector({ control, key: typeof key === 'string' ? new Secret(key) : key, pins }),
    clock,
    log,
    bootId: newId(),
    spans,
    limits: limitsOf(settings),
  });
}

const labelsOf = (pairs: readonly string[]): Labels =>
  Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const),
  );

const limitsOf = (settings: WorkerSettings): Partial<WorkLoopLimits> => ({
  maxResultBytes: settings.maxResultBytes,
  defaultDeadlineMs: settings.jobMs,
  stopGraceMs: settings.stopGraceMs,
  welcomeTimeoutMs: settings.welcomeMs,
  backoffBaseMs: settings.reconnectMs,
  backoffCapMs: settings.reconnectMaxMs,
});

/** A method that takes more slots than there are would wait for ever. */
function mustFit(handler: Handler, slots: number): void {
  const heavy = [...servedMethods([handler]).values()].find(({ method }) => method.slots > slots);
  if (!heavy) return;
  const { shortName, slots: needed } = heavy.method;
  throw new AppError('USAGE', { what: `--slots ${slots}: one ${shortName} alone takes ${needed} slots` });
}

async function closeAll(opened: readonly [string, ServedCapability][], log: Logger): Promise<void> {
  for (const [name, capability] of [...opened].reverse()) {
    await capability.close?.().catch((error: unknown) => log.error('a capability did not close', error, { name }));
  }
}

/** The first validation compiles its rules (some 100 ms): better now than in the first answer. */
function warmUp(handler: Handler): void {
  for (const { method } of servedMethods([handler]).values()) {
    try {
      validate(method.desc.input, create(method.desc.input));
    } catch {
      // An empty request need not be valid.
    }
  }
}
