// Puts a worker together: capabilities, transport, work loops. Used by the verb `worker` and by `up`.
import { create } from '@bufbuild/protobuf';
import type { Clock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import { Secret } from '../base/secret.ts';
import { validate } from '../contract/validate.ts';
import { CAPABILITIES, type CapabilityName, SERVABLE } from './capabilities.ts';
import type { Capability } from './capability.ts';
import type { Handler } from './handler.ts';
import type { Env } from './key-ref.ts';
import { type Labels, servedMethods } from './manifest.ts';
import { grpcConnector } from './transport.ts';
import { WorkLoop, type WorkLoopLimits } from './work-loop.ts';

export interface WorkerOptions {
  readonly home: string;
  /** URL of the control plane. */
  readonly control: string;
  /** Worker key (`bww_...`). */
  readonly key: string | Secret;
  /** Short names of capabilities, e.g. `llm`. */
  readonly serve: readonly string[];
  readonly name: string;
  /** Jobs at once of each capability; default 8. A job of a heavy method takes several. */
  readonly slots?: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** For keys that stand in the environment; default: none do. */
  readonly env?: Env;
  /** Labels for selectors, e.g. `region`; `tier` is 0 and `price` is that of the default model unless they say otherwise. */
  readonly labels?: Labels;
  readonly limits?: Partial<WorkLoopLimits>;
}

export interface RunningWorker {
  /** Resolves when each capability had its first session; rejects like `closed`. */
  readonly ready: Promise<void>;
  /** Resolves after a drain; rejects when the worker cannot go on (key refused, no common version). */
  readonly closed: Promise<void>;
  /** Whether a session of each capability stands. */
  connected(): boolean;
  /** Lets running jobs end within `ms`, then leaves; what it leaves behind is logged. */
  drain(ms: number): Promise<void>;
}

/** Starts a worker; it connects by itself and again after each loss. Throws USAGE, CONFIG_INVALID and what a capability throws. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const names = namesOf(options.serve);
  const { home, clock, log, env = {} } = options;
  const opened: [CapabilityName, Capability][] = [];
  try {
    for (const name of names) {
      const open = await CAPABILITIES[name]();
      opened.push([name, await open({ home, env, clock, log: log.child({ capability: name }) })]);
    }
    for (const [, { handler }] of opened) mustFit(handler, options.slots ?? 8);
  } catch (error) {
    await closeAll(opened, log);
    throw error;
  }
  const loops = opened.map(([name, capability]) => loopOf(options, names.length > 1 ? name : '', capability));
  for (const [, { handler }] of opened) warmUp(handler);
  log.info('the worker starts', { name: options.name, serve: names.join(' ') });
  const closed = Promise.all(loops.map((loop) => loop.closed)).then(() => {});
  const ready = Promise.all(loops.map((loop) => loop.ready)).then(() => {});
  closed.catch(() => {});
  ready.catch(() => {});
  return {
    ready,
    closed,
    connected: () => loops.every((loop) => loop.connected),
    drain: async (ms) => {
      await Promise.all(loops.map((loop) => loop.drain(ms)));
      await closeAll(opened, log);
    },
  };
}

function namesOf(serve: readonly string[]): CapabilityName[] {
  const names = SERVABLE.filter((known) => serve.includes(known));
  const unknown = serve.find((name) => !names.some((known) => known === name));
  if (unknown === undefined && names.length > 0) return names;
  throw new AppError('USAGE', { what: `--serve ${unknown ?? ''}: this build serves ${SERVABLE.join(', ')}` });
}

/**
 * Each capability has a session of its own: its slots are its own, so that a job that waits for one of another capability never
 * keeps that from a place, and who receives what it is given is told for it alone.
 */
function loopOf(options: WorkerOptions, suffix: string, { handler, models = [], labels }: Capability): WorkLoop {
  const { name, control, key, clock, log, limits, slots = 8 } = options;
  return new WorkLoop({
    name: suffix === '' ? name : `${name.slice(0, 127 - suffix.length)}-${suffix}`,
    slots,
    handlers: [handler],
    models: models.slice(0, 64),
    labels: { tier: '0', ...labels, ...options.labels },
    connect: grpcConnector({ control, key: typeof key === 'string' ? new Secret(key) : key }),
    clock,
    log,
    bootId: newId(),
    ...(limits ? { limits } : {}),
  });
}

/** A method that takes more slots than there are would wait for ever. */
function mustFit(handler: Handler, slots: number): void {
  const heavy = [...servedMethods([handler]).values()].find(({ method }) => method.slots > slots);
  if (!heavy) return;
  const { shortName, slots: needed } = heavy.method;
  throw new AppError('USAGE', { what: `--slots ${slots}: one ${shortName} alone takes ${needed} slots` });
}

async function closeAll(opened: readonly [string, Capability][], log: Logger): Promise<void> {
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
