// What an attempt may cost at most, by the prices that workers told. Pure.
import { hash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import { type CostBound, CostBoundSchema } from '../../../gen/bowline/event/v1/event_pb.ts';
import type { WorkerHello } from '../../../gen/bowline/worker/v1/worker_pb.ts';

/** A worker, as far as its prices go. */
export interface PricedWorker {
  readonly hello: Pick<WorkerHello, 'manifest' | 'models'>;
}

export interface PriceSources {
  readonly live: readonly PricedWorker[];
  /** What workers told lately, connected or not. */
  readonly known: readonly PricedWorker[];
}

export interface WantedPrices {
  /** Full name of the method. */
  readonly method: string;
  /** Its request may name any model of a worker; else it is the first one of each. */
  readonly called: boolean;
  /** Providers that may see it; empty is any. */
  readonly recipients: readonly string[];
  /** The model that its request names, where that is known. */
  readonly model?: string | undefined;
}

export interface PriceRules {
  /** Of a million tokens, where no price is known. */
  readonly unknownPrice: number;
  /** Tokens that are written where a request does not say. */
  readonly maxOutputTokens: number;
}

/** Models that a bound names; more are any. */
const MOST_MODELS = 32;

/**
 * The dearest of what may do it counts: of the workers that are connected, else of those that were lately. Where there was none, any may come.
 */
export function costBound({ live, known }: PriceSources, wanted: WantedPrices, rules: PriceRules): CostBound {
  const modelsOf = (workers: readonly PricedWorker[]) => workers.flatMap(({ hello }) => modelsFor(hello, wanted));
  const connected = modelsOf(live);
  const models = connected.length > 0 ? connected : modelsOf(known);
  const prices = models.map((model) => priceOf(model, rules));
  const none = models.length === 0;
  const most = (of: (price: Price) => number) => (none ? rules.unknownPrice : Math.max(...prices.map(of)));
  const table = models.map(({ provider, name }, n) => `${provider}/${name} ${prices[n]?.input} ${prices[n]?.output}`);
  const lines = [...new Set(table)].sort();
  return create(CostBoundSchema, {
    input: most(({ input }) => input),
    output: most(({ output }) => output),
    maxOutputTokens: rules.maxOutputTokens,
    prices: hash('sha256', lines.join('\n')).slice(0, 12),
    models: models.length > MOST_MODELS ? [] : [...new Set(models.flatMap(namesOf))],
    isPriced: !none && prices.every(({ known }) => known),
  });
}

/** Whether a worker may cost more than a bound says: it came, or changed its prices, after the bound was made. */
export function isDearer(worker: PricedWorker, wanted: WantedPrices, bound: CostBound, rules: PriceRules): boolean {
  return modelsFor(worker.hello, wanted).some((model) => {
    const { input, output } = priceOf(model, rules);
    const isNamed = bound.models.length === 0 || bound.models.includes(`${model.provider}/${model.name}`);
    return input > bound.input || output > bound.output || !isNamed;
  });
}

/** As budgets of a model name it. */
const namesOf = ({ provider, name }: ModelInfo): string[] => [name, `${provider}/${name}`];

function modelsFor({ manifest, models }: PricedWorker['hello'], { method, called, recipients, model }: WantedPrices) {
  if (!manifest?.capabilities.some((served) => method.startsWith(`${served.package}.`))) return [];
  const may = ({ provider, local }: ModelInfo) =>
    recipients.length === 0 ||
    recipients.includes('any') ||
    recipients.includes(provider) ||
    (local && recipients.includes('local'));
  if (model) return models.filter(({ alias }) => alias === model).filter(may);
  return (called ? models : models.slice(0, 1)).filter(may);
}

interface Price {
  readonly input: number;
  readonly output: number;
  readonly known: boolean;
}

/** What runs on a machine of the owner and has no price costs nothing. */
function priceOf({ price, local }: ModelInfo, { unknownPrice }: PriceRules): Price {
  if (price) return { input: price.input, output: price.output, known: true };
  if (local) return { input: 0, output: 0, known: true };
  return { input: unknownPrice, output: unknownPrice, known: false };
}
