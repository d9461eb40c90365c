// Puts a worker together: models, handlers, transport, work loop. Used by the verb `worker` and by `up`.
import { create } from '@bufbuild/protobuf';
import type { Clock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import { Secret } from '../base/secret.ts';
import { validate } from '../contract/validate.ts';
import type { Handler } from './handler.ts';
import type { ChatDriver } from './handlers/llm/chat-driver.ts';
import { type ChatModels, llmHandler } from './handlers/llm/llm-handler.ts';
import type { Env } from './key-ref.ts';
import { type Labels, servedMethods } from './manifest.ts';
import { chatModels, type ModelEntry, readModels } from './models.ts';
import { grpcConnector } from './transport.ts';
import { WorkLoop, type WorkLoopLimits } from './work-loop.ts';

/** Capabilities that a worker of this build can serve, by their short names. */
export const SERVABLE = ['llm'] as const;

export interface WorkerOptions {
  readonly home: string;
  /** URL of the control plane. */
  readonly control: string;
  /** Worker key (`bww_...`). */
  readonly key: string | Secret;
  /** Short names of capabilities, e.g. `llm`. */
  readonly serve: readonly string[];
  readonly name: string;
  /** Jobs at once; default 8. */
  readonly slots?: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** For keys of models.yaml that stand in the environment; default: none do. */
  readonly env?: Env;
  /** Labels for selectors, e.g. `region`; `tier` is 0 and `price` is that of the default model unless they say otherwise. */
  readonly labels?: Labels;
  /** Drivers beside those of models.yaml, or in their stead. */
  readonly drivers?: ReadonlyMap<string, ChatDriver>;
  readonly limits?: Partial<WorkLoopLimits>;
}

export interface RunningWorker {
  /** Resolves at the first session; rejects like `closed`. */
  readonly ready: Promise<void>;
  /** Resolves after a drain; rejects when the worker cannot go on (key refused, no common version). */
  readonly closed: Promise<void>;
  /** Lets running jobs end within `ms`, then leaves; what it leaves behind is logged. */
  drain(ms: number): Promise<void>;
}

/** Starts a worker; it connects by itself and again after each loss. Throws USAGE, CONFIG_INVALID. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { home, clock, log, serve, name, control, key } = options;
  const unknown = serve.find((capability) => !SERVABLE.some((known) => known === capability));
  if (unknown !== undefined || serve.length === 0) {
    throw new AppError('USAGE', { what: `--serve ${unknown ?? ''}: this build serves ${SERVABLE.join(', ')}` });
  }
  const config = readModels(home);
  const own = chatModels(config, home, options.env ?? {}, clock);
  const models: ChatModels = { ...own, drivers: new Map([...own.drivers, ...(options.drivers ?? [])]) };
  const handlers: Handler[] = serve.includes('llm') ? [llmHandler(models)] : [];
  const { defaultModel, drivers } = models;
  const names = [defaultModel, ...[...drivers.keys()].filter((model) => model !== defaultModel)];
  const loop = new WorkLoop({
    name,
    slots: options.slots ?? 8,
    handlers,
    models: names.map((model) => drivers.get(model)!.info).slice(0, 64),
    labels: { tier: '0', ...priceLabel(config.models.get(defaultModel)), ...options.labels },
    connect: grpcConnector({ control, key: typeof key === 'string' ? new Secret(key) : key }),
    clock,
    log,
    bootId: newId(),
    ...(options.limits ? { limits: options.limits } : {}),
  });
  warmUp(handlers);
  log.info('the worker starts', { name, serve: serve.join(' '), model: defaultModel });
  return { ready: loop.ready, closed: loop.closed, drain: async (ms) => void (await loop.drain(ms)) };
}

/** The first validation compiles its rules (some 100 ms): better now than in the first answer. */
function warmUp(handlers: readonly Handler[]): void {
  for (const { method } of servedMethods(handlers).values()) {
    try {
      validate(method.desc.input, create(method.desc.input));
    } catch {
      // An empty request need not be valid.
    }
  }
}

/** Placement compares prices per thousand tokens, in millionths. */
function priceLabel(entry: ModelEntry | undefined): Labels {
  return entry?.price ? { price: String(Math.ceil(entry.price.input * 1000)) } : {};
}
