// What a job waits for, in sentences for its owner. Pure; workers of other tenants do not appear in it.
import { pauseText } from './fit.ts';
import { place, type Rejection } from './place.ts';
import type { JobNeed, WorkerView } from './worker-view.ts';

export interface Explanation {
  /** True when no connected worker could ever serve the job, even if idle. */
  readonly never: boolean;
  /** One sentence on the whole. */
  readonly summary: string;
  /** One sentence per worker that serves the tenant, by name; at most 50, then one that counts the rest. */
  readonly workers: readonly string[];
}

const MAX_SENTENCES = 50;

/** Says who could serve the job and why the others do not. */
export function explain(job: JobNeed, workers: readonly WorkerView[]): Explanation {
  const what = `${job.capability}${job.method && ` ${job.method}`}${wanted(job)}`;
  const placement = place(job, workers);
  if (placement.ok) {
    const { name } = placement.worker;
    return { never: false, summary: `${what} can run now on ${name}.`, workers: [`${name} can serve it now.`] };
  }
  const { rejected, never } = placement;
  const sentences = rejected.map(({ worker, why }) => `${worker.name} ${why}.`).sort();
  const able = rejected.filter(({ permanent }) => !permanent);
  const text = starting(what, able) ?? pause(what, able) ?? summary(what, rejected.length, able.length);
  return { never, summary: text, workers: bounded(sentences) };
}

/** What waits for pools alone that have no worker yet. */
function starting(what: string, able: readonly Rejection[]): string | undefined {
  const pools = able.filter(({ kind }) => kind === 'starting').map(({ worker }) => worker.name);
  if (pools.length === 0 || pools.length < able.length) return undefined;
  return `${what} waits for ${pools.sort().join(' or ')}, which has no worker yet and is being started.`;
}

/** What waits for a provider alone: the pause that is over first. */
function pause(what: string, able: readonly Rejection[]): string | undefined {
  const paused = able.filter(({ kind }) => kind === 'paused').map(({ worker }) => worker);
  const [first] = paused.sort((a, b) => (a.pausedMs ?? 0) - (b.pausedMs ?? 0));
  return first && paused.length === able.length ? `${what} waits for ${pauseText(first)}.` : undefined;
}

function summary(what: string, connected: number, able: number): string {
  if (connected === 0)
    return `No worker is connected that could serve ${what}; \`bowline status\` tells whether one is being started; if not, start one with \`bowline worker\`.`;
  if (able > 0)
    return `${what} waits for a free slot: ${able} of ${connected} connected workers can serve it, and all of them are busy.`;
  return `No connected worker can ever serve ${what}; it waits until one connects that can.`;
}

function wanted(job: JobNeed): string {
  const labels = Object.entries(job.selector).map(([key, value]) => `${key}=${value}`);
  return labels.length === 0 ? '' : ` with ${labels.sort().join(', ')}`;
}

function bounded(sentences: string[]): string[] {
  if (sentences.length <= MAX_SENTENCES) return sentences;
  return [
    ...sentences.slice(0, MAX_SENTENCES),
    `${sentences.length - MAX_SENTENCES} more workers cannot serve it now either.`,
  ];
}
