// Questions about the steps of a run: a step is one model turn (index 0) and the tool calls it asked for (1, 2, ...).
import { Sensitivity } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import { jobId } from '../../../base/ids.ts';
import { FIRST_CHILD_INDEX } from '../run/limits.ts';
import { both } from '../run/run-recipients.ts';
import type { FoldedJob, FoldedRun } from '../run/state.ts';
import { type ChatResult, chatResult } from './chat-result.ts';

/** Number of the last step, or -1 before the first. */
export function lastStep(run: FoldedRun): number {
  let last = -1;
  for (const job of run.jobs.values()) if (job.role === 'turn' && job.step > last) last = job.step;
  return last;
}

export const chatJob = (run: FoldedRun, step: number): FoldedJob | undefined => run.jobs.get(jobId(run.id, step, 0));

/** Whether the turn of a step was asked again one tier up: what it said is no part of what follows. */
export const isLeftForBetter = (run: FoldedRun, step: number): boolean =>
  run.escalations.some(({ job }) => job === jobId(run.id, step, 0));

/** What the model said in a step; undefined while it has not, or when it failed. */
export function chatOf(run: FoldedRun, step: number): ChatResult | undefined {
  const job = chatJob(run, step);
  if (job?.phase !== 'done' || job.result?.result.case !== 'done') return undefined;
  const result = chatResult(job.result.result.value.messages);
  return 'problem' in result ? undefined : result;
}

/** The last text that the model wrote in this run; empty when there is none. */
export function bestText(run: FoldedRun): string {
  for (let step = lastStep(run); step >= 0; step--) {
    const text = chatOf(run, step)?.text.trim();
    if (text) return text;
  }
  return '';
}

/**
 * Providers that the run's content is bound to: as recorded with its first job, and by what its owner shared while it went on, which is
 * for the one that it says; empty is any.
 */
export function recipientsOfRun(run: FoldedRun): readonly string[] {
  const [first] = run.jobs.values();
  let bound: readonly string[] = first?.recipients ?? [];
  const known = new Set(run.shares.map(({ id }) => id));
  for (const { result, target } of run.jobs.values())
    for (const { sensitivity, grant, recipients } of target === 'device' ? (result?.egress ?? []) : []) {
      const isLater = grant !== '' && !grant.startsWith('config:') && !known.has(grant);
      if (isLater && sensitivity === Sensitivity.CONTENT) bound = both(bound, recipients) ?? bound;
    }
  return bound;
}

/** Children and the like are numbered above everything that a model may ask for. */
export function nextIndex(run: FoldedRun, step: number): number {
  let next = FIRST_CHILD_INDEX;
  for (const job of run.jobs.values()) if (job.step === step && job.index >= next) next = job.index + 1;
  return next;
}
