// Whether one worker can serve one job, and why not. Pure; never compares workers with each other.
import { type JobNeed, labelsOf, MODEL_LABEL, NO_PROVIDER, type OfferedModel, type WorkerView } from './worker-view.ts';

/** A reason why a worker does not get a job. */
export interface Misfit {
  readonly kind: 'capability' | 'method' | 'label' | 'recipient' | 'size' | 'rests' | 'busy' | 'starting' | 'paused';
  /** A clause that follows the worker's name, e.g. `has no label gpu`. */
  readonly why: string;
  /** True when waiting cannot help: also the idle worker could not serve the job. */
  readonly permanent: boolean;
}

type ModelThere = Omit<OfferedModel, 'alias'>;

const MAX_NAMED = 5;

/** At most five names in a sentence; a worker may declare many. */
const list = (names: readonly string[]): string =>
  names.length <= MAX_NAMED
    ? names.join(', ')
    : `${names.slice(0, MAX_NAMED).join(', ')} and ${names.length - MAX_NAMED} more`;

/** Undefined when the worker can serve the job now, else the first reason against it. The worker must serve the job's tenant. */
export function misfit(job: JobNeed, worker: WorkerView): Misfit | undefined {
  return lasting(job, worker) ?? busy(job, worker);
}

function lasting(job: JobNeed, worker: WorkerView): Misfit | undefined {
  const no = (kind: Misfit['kind'], why: string): Misfit => ({ kind, why, permanent: true });
  const served = worker.packages.filter((each) => each.package === job.capability);
  if (served.length === 0) return no('capability', `does not serve ${job.capability}`);
  if (job.method !== '' && !served.some((each) => each.methods.includes(job.method))) {
    return no('method', `serves ${job.capability}, but not its method ${job.method}`);
  }
  const labels = labelsOf(worker);
  const model = modelFor(job, worker);
  if (!model)
    return no(
      'label',
      `has no model ${job.selector[MODEL_LABEL]} (it has ${list(worker.models.map(({ alias }) => alias))})`,
    );
  for (const [key, wanted] of Object.entries(job.selector)) {
    if (key === MODEL_LABEL) continue;
    const actual = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (actual === undefined) return no('label', `has no label ${key} (${key}=${wanted} is required)`);
    if (actual !== wanted) return no('label', `has ${key}=${actual}, and ${key}=${wanted} is required`);
  }
  if (!mayReceive(job, model)) {
    return no(
      'recipient',
      model.provider === '' || model.provider === NO_PROVIDER
        ? `does not say who sees what it is given (a model in its Hello does), and only ${list(job.recipients)} may`
        : `sends content to ${model.provider} (${model.locality}), which is not among the recipients ${list(job.recipients)}`,
    );
  }
  if (worker.totalSlots < job.slots)
    return no('size', `has ${worker.totalSlots} slots in all, and the job takes ${job.slots}`);
  return undefined;
}

function busy(job: JobNeed, worker: WorkerView): Misfit | undefined {
  if (worker.pausedMs !== undefined) {
    return { kind: 'paused', why: `uses ${pauseText(worker)}`, permanent: false };
  }
  if (worker.freeSlots >= job.slots) return undefined;
  if (worker.starting) return { kind: 'starting', why: 'has no worker yet and is being started', permanent: false };
  if (worker.rests !== undefined) return { kind: 'rests', why: worker.rests, permanent: false };
  const why = `is busy: ${Math.max(worker.freeSlots, 0)} of ${worker.totalSlots} slots are free, and the job takes ${job.slots}`;
  return { kind: 'busy', why, permanent: false };
}

/** Why a worker with a provider that wants a pause gets nothing: a clause that begins with the provider. */
export const pauseText = ({ provider, pausedMs = 0 }: WorkerView): string =>
  `${provider}, which takes no more requests for another ${Math.ceil(pausedMs / 1_000)} s`;

/**
 * Capabilities that hand what they are given to no provider: like the control plane itself their workers are no recipients of
 * it. What the web is asked for is judged by its address; what a search calls in its turn (vectors of a model) is bound again.
 */
const HANDS_NOTHING_ON: ReadonlySet<string> = new Set([
  'bowline.capability.retrieval.v1',
  'bowline.capability.sandbox.v1',
  'bowline.capability.web.v1',
]);

/**
 * `local` means where it runs, so no remote provider can win it by its name; and it is said, not taken from silence: who declares no
 * model may hand it to anybody.
 */
function mayReceive(job: JobNeed, { provider, locality }: ModelThere): boolean {
  if (job.recipients.length === 0 || job.recipients.includes('any')) return true;
  if (provider === '' || provider === NO_PROVIDER) {
    return provider === NO_PROVIDER && HANDS_NOTHING_ON.has(job.capability);
  }
  if (locality === 'local' && job.recipients.includes('local')) return true;
  return provider !== 'local' && provider !== 'any' && job.recipients.includes(provider);
}

/** Who sees what the job gives: the model that it names, else the first one of the worker; undefined where it has no such model. */
export function modelFor({ selector }: JobNeed, worker: WorkerView): ModelThere | undefined {
  const wanted = Object.hasOwn(selector, MODEL_LABEL) ? selector[MODEL_LABEL] : undefined;
  return wanted === undefined ? worker : worker.models.find(({ alias }) => alias === wanted);
}
