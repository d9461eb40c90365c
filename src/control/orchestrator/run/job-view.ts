// One job as clients see it (bowline.run.v1.Job). Pure.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Job,
  JobSchema,
  JobState as State,
  type Usage,
  UsageSchema,
} from '../../../../gen/bowline/run/v1/run_pb.ts';
import { type FoldedJob, type FoldedRun, isHeld, type JobPhase, type UsageTotals } from './state.ts';

const STATES: Readonly<Record<JobPhase, State>> = {
  queued: State.QUEUED,
  running: State.RUNNING,
  retrying: State.RETRYING,
  cancelling: State.CANCELLING,
  done: State.DONE,
  failed: State.FAILED,
  cancelled: State.CANCELLED,
  unknown: State.UNKNOWN,
};

/** Where a job runs or ran, for people: `device kitchen-pi`, `worker w1 (rules)`. */
export function targetText(run: FoldedRun, job: FoldedJob): string {
  if (job.targetName) return job.targetName;
  if (job.target === 'worker') return 'worker';
  return `device ${job.device === run.device && run.deviceName ? run.deviceName : job.device}`;
}

/** A job as it is shown. `now` (milliseconds since 1970) gives the time so far of one that has not ended. */
export function viewJob(run: FoldedRun, job: FoldedJob, now?: number): Job {
  const end = job.endedAt ?? now ?? job.startedAt ?? job.queuedAt;
  return create(JobSchema, {
    id: job.id,
    method: job.method,
    target: targetText(run, job).slice(0, 256),
    state: isHeld(job) ? State.APPROVAL : STATES[job.phase],
    attempts: job.attempts,
    tier: job.route?.tier ?? '',
    elapsed: durationFromMs(Math.max(end - job.queuedAt, 0)),
    ...(job.lastFailure && job.phase !== 'done' ? { failure: job.lastFailure } : {}),
  });
}

/** Differs when something changed that a watcher is told; the time that passed is not. */
export function jobSignature({ state, attempts, target, failure, progress }: Job): string {
  const { done = 0n, total = 0n, note = '' } = progress ?? {};
  return `${state} ${attempts} ${target} ${failure?.reason ?? ''} ${done} ${total} ${note}`;
}

export const usageToProto = (usage: UsageTotals): Usage =>
  create(UsageSchema, {
    inputTokens: BigInt(usage.inputTokens),
    outputTokens: BigInt(usage.outputTokens),
    cachedInputTokens: BigInt(usage.cachedInputTokens),
    costMicros: BigInt(usage.costMicros),
  });
