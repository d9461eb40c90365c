// What placement knows of a worker and of a job. Data only.

/** One capability package that a worker serves. */
export interface ServedPackage {
  /** E.g. `bowline.capability.llm.v1`. */
  readonly package: string;
  /** Method names without the package, e.g. `Chat`. */
  readonly methods: readonly string[];
}

/** A connected worker as its session announced it, within what its key allows. */
export interface WorkerView {
  readonly id: string;
  /** The replica that holds its stream. */
  readonly replica: string;
  readonly name: string;
  readonly packages: readonly ServedPackage[];
  readonly labels: Readonly<Record<string, string>>;
  readonly pool: string;
  /** Tenants it may work for; `*` is any. */
  readonly tenants: readonly string[];
  /** Cost class: 0 CPU, 1 small GPU, 2 large GPU. */
  readonly tier: number;
  readonly region: string;
  /** Millionths of the currency per 1,000 tokens. */
  readonly priceMicrosPerKiloToken: number;
  /** Who sees what the worker is given, e.g. `rules`, `anthropic`; NO_PROVIDER when it declares no model. */
  readonly provider: string;
  /** Whether the provider runs on the owner's own machine. */
  readonly locality: 'local' | 'remote';
  /** Models by what requests call them; a job whose selector has `model` goes to the provider of that one. */
  readonly models: readonly OfferedModel[];
  readonly freeSlots: number;
  readonly totalSlots: number;
  /** No worker yet: what one of a declared pool that has none would be. It has no free slots. */
  readonly starting?: boolean;
  /** Its provider has asked to be left alone for so long, in milliseconds; it has no free slots then. */
  readonly pausedMs?: number;
  /** Why it gets nothing for a while, as a clause; what other replicas tell has none. */
  readonly rests?: string;
}

/** A model of a worker. */
export interface OfferedModel {
  readonly alias: string;
  readonly provider: string;
  readonly locality: 'local' | 'remote';
  readonly priceMicrosPerKiloToken: number;
}

/** The provider of a worker without models. */
export const NO_PROVIDER = 'none';

/** What a job requires of a worker. */
export interface JobNeed {
  /** The capability package. */
  readonly capability: string;
  /** Without the package; empty: any. */
  readonly method: string;
  readonly tenant: string;
  /** Labels required, all of them; see `labelsOf`. */
  readonly selector: Readonly<Record<string, string>>;
  /** Providers that may see the job's content: names, `local` for any on the owner's machine, `any`. Empty is any. */
  readonly recipients: readonly string[];
  /** Slots it takes, at least 1. */
  readonly slots: number;
  /** What makes one worker better than another, beside what it costs; default nothing. */
  readonly liking?: Liking | undefined;
}

/** What workers are preferred by. A weight may be below 0. */
export interface Liking {
  /** Labels, by the rules of `labelsOf`, and what each is worth. */
  readonly labels: readonly { readonly label: string; readonly value: string; readonly weight: number }[];
  /** The worker that has the conversation of the job in its memory, and what that is worth. */
  readonly warm?: { readonly worker: string; readonly weight: number } | undefined;
}

/** The label that a selector names a model by: a worker has it for each of its models. */
export const MODEL_LABEL = 'model';

/** Whether a worker may work for a tenant; to any other tenant it does not exist. */
export function serves(worker: WorkerView, tenant: string): boolean {
  return worker.tenants.includes(tenant) || worker.tenants.includes('*');
}

/** The labels a selector sees: the worker's own, overridden by what the control plane knows of it. */
export function labelsOf(worker: WorkerView): Readonly<Record<string, string>> {
  return {
    // Whether it may be taken away at short notice; who does not say so stays.
    spot: 'false',
    ...worker.labels,
    tier: String(worker.tier),
    region: worker.region,
    pool: worker.pool,
    provider: worker.provider,
    locality: worker.locality,
  };
}
