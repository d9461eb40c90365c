// What follows from news about an attempt: it started, was received, ended, was lost. Pure, part of `decide`.
import { hash } from 'node:crypto';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import type { JobFinished } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { fixedLimit } from '../../../base/fixed-limit.ts';
import { dispatchId } from '../../../base/ids.ts';
import { toFailure } from '../../../contract/errors.ts';
import { failureClass } from '../../../contract/failure-class.ts';
import { chatResult } from '../models/chat-result.ts';
import { taintsOfResult } from '../models/taints.ts';
import { edgeEnds, endsEdges, isNewEnd } from '../run/edge-ends.ts';
import { heldFor } from '../run/holds.ts';
import { targetText } from '../run/job-view.ts';
import {
  LOSSES_PER_ATTEMPT,
  MAX_HAND_BACKS,
  MAX_HELD_MS,
  MAX_HOLDS,
  MAX_OUTCOME_ENTRIES,
  MAX_RESULT_BYTES,
  MORE_WHILE_AWAY,
} from '../run/limits.ts';
import { CHAT_METHOD } from '../run/method-names.ts';
import { metMoney } from '../run/money.ts';
import { type FoldedJob, isHeld, isOpen } from '../run/state.ts';
import type { DecisionDraft } from './draft.ts';
import { boundedFailure } from './failure-phase.ts';
import type {
  AttemptLostCommand,
  AttemptStartedCommand,
  EndsEdgesCommand,
  HeldCommand,
  ReceivedCommand,
  ResultCommand,
} from './run-commands.ts';
import { failsUpward } from './step-up.ts';
import { mayHaveHappened, mayRepeat } from './uncertain.ts';

/** Returns whether the run may go on. Nothing happens for an attempt that was never made or whose result is recorded. */
export function decideResult(draft: DecisionDraft, command: ResultCommand): boolean {
  const job = draft.run.jobs.get(command.job);
  if (!job || command.epoch < 1 || command.epoch > job.epoch || job.settled.includes(command.epoch)) return false;
  // While it waits for its next attempt no attempt of that epoch is out.
  if (job.phase === 'retrying' && command.epoch === job.epoch) return false;
  const current = isOpen(job) && command.epoch === job.epoch;
  if (!current) {
    late(draft, command);
    return false;
  }
  const judged = judge(job, command);
  if (judged.case === 'failure' && retried(draft, job, judged.value, command)) return false;
  finish(draft, job, judged, command);
  return true;
}

/** Ends a job by a decision of the run, not by a result. */
export function finishAs(draft: DecisionDraft, job: FoldedJob, kind: 'failure' | 'unknown', failure: Failure): void {
  draft.add({
    case: 'jobFinished',
    value: {
      job: job.id,
      epoch: BigInt(job.epoch),
      result: { case: kind, value: failure },
      targetName: job.targetName,
    },
  });
}

export function decideStarted(draft: DecisionDraft, { job: id, epoch, targetName }: AttemptStartedCommand): void {
  const job = draft.run.jobs.get(id);
  if (job?.phase !== 'queued' || job.epoch !== epoch) return;
  draft.add({ case: 'attemptStarted', value: { job: id, epoch: BigInt(epoch), targetName } });
}

/** An edge that reconnects is the same start of it: each is counted once, however often its network fails. */
export function decideReceived(draft: DecisionDraft, { job: id, epoch, heldBy = '' }: ReceivedCommand): void {
  const job = draft.run.jobs.get(id);
  if (job?.epoch !== epoch || job.target !== 'device') return;
  if (heldBy === '' ? job.received : !isNewEnd(draft.run, job, heldBy)) return;
  if (job.phase !== 'queued' && job.phase !== 'running') return;
  draft.add({ case: 'jobReceived', value: { job: id, epoch: BigInt(epoch), heldBy } });
}

/** The device says it again in each session: what changes nothing is not written down. */
export function decideHeld(draft: DecisionDraft, { job: id, epoch, leftMs }: HeldCommand): void {
  const job = draft.run.jobs.get(id);
  if (job?.epoch !== epoch || job.target !== 'device') return;
  if (job.phase !== 'queued' && job.phase !== 'running') return;
  if (leftMs === undefined) {
    if (isHeld(job)) draft.add({ case: 'jobReleased', value: { job: id, epoch: BigInt(epoch) } });
    return;
  }
  const until = draft.at + Math.min(Math.max(Math.ceil(leftMs), 0), MAX_HELD_MS);
  if (job.holds >= MAX_HOLDS || (isHeld(job) && until < job.heldUntil + SAME_HOLD_MS)) return;
  draft.add({ case: 'jobHeld', value: { job: id, epoch: BigInt(epoch), expireTime: timestampFromMs(until) } });
}

/** Ends of the owner's time that are nearer than this are the same, told later or by another clock. */
const SAME_HOLD_MS = 60_000;

/** Returns whether the run may go on. */
export function decideEndsEdges(draft: DecisionDraft, { job: id, epoch, boot, targetName }: EndsEdgesCommand): boolean {
  const job = draft.run.jobs.get(id);
  if (job?.epoch !== epoch || (job.phase !== 'queued' && job.phase !== 'running')) return false;
  if (!endsEdges(draft.run, job, boot)) return false;
  const times = edgeEnds(job, boot);
  const why = `${targetName} ended ${times} times while it ran this call`;
  finishUnclear(draft, job, why, new AppError('EDGE_ENDED_AT_CALL', { target: targetName, times }));
  return true;
}

/** Nothing more will be heard of it: where it has an effect nobody knows whether it happened, and the caller is told just that. */
function finishUnclear(draft: DecisionDraft, job: FoldedJob, why: string, error: AppError): void {
  if (mayHaveHappened(job, draft.methods))
    finishAs(draft, job, 'unknown', toFailure(new AppError('OUTCOME_UNKNOWN', { why })));
  else finishAs(draft, job, 'failure', toFailure(error));
}

/** Returns whether the run may go on. */
export function decideLost(draft: DecisionDraft, { job: id, epoch, why, handedBack }: AttemptLostCommand): boolean {
  const job = draft.run.jobs.get(id);
  if (!job || job.epoch !== epoch || !isOpen(job) || job.phase === 'retrying') return false;
  // A device keeps what it did under the call's key and tells when it is back: losing it is no news of the effect.
  const unknown = job.target === 'worker' && handedBack !== 'unbegun' && mayHaveHappened(job, draft.methods);
  if (unknown) {
    finishAs(draft, job, 'unknown', toFailure(new AppError('OUTCOME_UNKNOWN', { why })));
    return true;
  }
  if (job.phase === 'cancelling') return false;
  const counts = handedBack === undefined || job.handBacks >= MAX_HAND_BACKS;
  if (counts && job.losses + 1 >= draft.run.limits.maxAttempts * LOSSES_PER_ATTEMPT) {
    const target = targetText(draft.run, job);
    const times = job.losses + 1;
    finishUnclear(draft, job, `${target} was lost ${times} times`, new AppError('ATTEMPTS_LOST', { target, times }));
    return true;
  }
  const next = draft.epochAfter(epoch);
  draft.add({
    case: 'attemptLost',
    value: { job: id, epoch: BigInt(epoch), nextEpoch: next, why: why.slice(0, 1000), handedBack: !counts },
  });
  return false;
}

/** The result as it is recorded: within its bounds, and for a model turn readable. */
function judge(
  job: FoldedJob,
  { result, trailingFailure }: ResultCommand,
): Exclude<JobFinished['result'], { case: undefined }> {
  if (result.case === undefined) {
    const problem = 'the result of a job is missing';
    return { case: 'failure', value: toFailure(new AppError('MODEL_OUTPUT_INVALID', { problem })) };
  }
  if (result.case !== 'done') return { ...result, value: boundedFailure(result.value) };
  const { messages } = result.value;
  let size = 0;
  for (const message of messages) size += message.length;
  if (size > MAX_RESULT_BYTES || messages.length > 65_536) {
    const over = fixedLimit('the result of a job', `${MAX_RESULT_BYTES} bytes`, 'ask for less');
    return { case: 'failure', value: toFailure(over) };
  }
  if (job.method !== CHAT_METHOD || (job.role !== 'turn' && job.role !== 'summary')) return result;
  const said = chatResult(messages);
  if (!('problem' in said)) return result;
  const failure = trailingFailure ?? toFailure(new AppError('MODEL_OUTPUT_INVALID', { problem: said.problem }));
  return { case: 'failure', value: boundedFailure(failure) };
}

const RETRY_BASE_MS = 500;
const RETRY_CAP_MS = 30_000;

function retried(draft: DecisionDraft, job: FoldedJob, failure: Failure, command: ResultCommand): boolean {
  const { run, at, methods } = draft;
  const { retry, waitMs, isAway } = failureClass(failure);
  if (job.phase === 'cancelling' || retry === 'never' || !mayRepeat(job, methods)) return false;
  const most = run.limits.maxAttempts + (isAway ? MORE_WHILE_AWAY : 0);
  if (run.phase !== 'running' || job.failures + 1 >= most) return false;
  if (metMoney(run, Number(command.usage?.costMicros ?? 0n))) return false;
  if (failsUpward(run, job, failure, draft.routes)) return false;
  const backoff =
    Math.min(RETRY_BASE_MS * 2 ** job.failures, RETRY_CAP_MS) * spread(dispatchId(job.id, job.epoch, job.nonce));
  const delay = Math.ceil(Math.max(waitMs, backoff));
  const end = run.createdAt + run.timeoutMs + heldFor(run, at);
  if (run.timeoutMs > 0 && at + delay >= end) return false;
  draft.add({
    case: 'attemptFailed',
    value: {
      job: job.id,
      epoch: BigInt(job.epoch),
      failure,
      nextEpoch: draft.epochAfter(job.epoch),
      delay: durationFromMs(delay),
      ...(command.usage ? { usage: command.usage } : {}),
    },
  });
  return true;
}

/** A number from 0.5 to 1 that differs from job to job, so that what failed together is not tried again together. */
function spread(id: string): number {
  let hash = 2166136261;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 16777619);
  return 0.5 + (hash >>> 0) / 2 ** 33;
}

function finish(
  draft: DecisionDraft,
  job: FoldedJob,
  result: Exclude<JobFinished['result'], { case: undefined }>,
  command: ResultCommand,
): void {
  const { usage, withheld, egress, targetName, trailingFailure } = command;
  draft.add({
    case: 'jobFinished',
    value: {
      job: job.id,
      epoch: BigInt(job.epoch),
      result,
      targetName: (targetName ?? '').slice(0, 256),
      withheld: (withheld ?? []).slice(0, MAX_OUTCOME_ENTRIES),
      egress: (egress ?? []).slice(0, MAX_OUTCOME_ENTRIES),
      taints: taintsOfResult(job, result, egress ?? [], draft.methods),
      ...(usage ? { usage } : {}),
      keyFree: result.case === 'neverStarted' && (command.keyFree ?? false),
      ...(result.case === 'done' && trailingFailure ? { trailingFailure: boundedFailure(trailingFailure) } : {}),
      ...(result.case === 'done' ? textProof(job, result.value.messages) : {}),
    },
  });
}

/** Length and hash of the streamed text, so that a client that missed the last piece notices. */
function textProof(job: FoldedJob, messages: readonly Uint8Array[]): { textBytes?: bigint; textSha256?: Uint8Array } {
  if (job.method !== CHAT_METHOD) return {};
  const said = chatResult(messages);
  if ('problem' in said) return {};
  const text = Buffer.from(said.text, 'utf8');
  return { textBytes: BigInt(text.length), textSha256: hash('sha256', text, 'buffer') };
}

function late(draft: DecisionDraft, { job, epoch, usage, egress }: ResultCommand): void {
  draft.add({
    case: 'lateResult',
    value: {
      job,
      epoch: BigInt(epoch),
      egress: (egress ?? []).slice(0, MAX_OUTCOME_ENTRIES),
      ...(usage ? { usage } : {}),
    },
  });
}
