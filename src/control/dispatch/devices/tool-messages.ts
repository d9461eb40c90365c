// Between jobs and the frames of a device: the call that a job becomes, and the command that an answer becomes. Pure.
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Confirmation, type ToolCall, ToolCallSchema } from '../../../../gen/bowline/edge/v1/edge_pb.ts';
import { ResponsesSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { ToolResult } from '../../../../gen/bowline/record/v1/record_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { fromFailure, toFailure } from '../../../contract/errors.ts';
import { UNKNOWN_RECIPIENT } from '../../../contract/unknown-recipient.ts';
import type { ResultCommand } from '../../orchestrator/decide/run-commands.ts';
import { chatOf } from '../../orchestrator/models/steps.ts';
import { heldFor } from '../../orchestrator/run/holds.ts';
import type { FoldedJob, FoldedRun } from '../../orchestrator/run/state.ts';
import { timeLeft } from '../../orchestrator/run/time-left.ts';
import type { OutboxRow } from '../../store/unit.ts';

/** The run of a job id; undefined when it is none. */
export const runOf = (job: string): string | undefined => /^(.+)\/\d+\/\d+$/.exec(job)?.[1];

/** The call as the device gets it, but for the nonce of its session. */
export function toolCall(
  device: string,
  row: OutboxRow & { readonly tenant: string },
  state: FoldedRun,
  job: FoldedJob,
  { now, ttlMs }: { readonly now: number; readonly ttlMs: number },
): ToolCall {
  const left = timeLeft(state, job, now);
  return create(ToolCallSchema, {
    tenant: row.tenant,
    device,
    run: row.run,
    job: row.job,
    epoch: BigInt(row.epoch),
    method: job.method,
    params: job.params,
    idempotencyKey: job.idempotencyKey,
    issueTime: timestampFromMs(now),
    // One expiry per key, whenever it is sent: the edge forgets a key only after that. Only while its owner is asked there is none.
    expireTime: timestampFromMs(job.queuedAt + heldFor(job, now) + Math.max(job.timeoutMs, state.timeoutMs) + ttlMs),
    ...(left === undefined ? {} : { timeout: durationFromMs(left) }),
    recipient: recipientOf(state, job),
    principal: state.kind === 'ask' ? 'planner' : state.principal,
    confirmation: job.confirm ? Confirmation.ALWAYS : Confirmation.UNSPECIFIED,
    taints: [...job.taints],
  });
}

/** A device's answer as a command. Its failures carry only a reason; the text is ours. */
export function resultOf(frame: ToolResult, targetName: string): Omit<ResultCommand, 'at'> {
  const { answer } = frame;
  const base = {
    type: 'result',
    job: frame.job,
    epoch: Number(frame.epoch),
    withheld: frame.withheld,
    egress: frame.egress,
    targetName,
  } as const;
  switch (answer.case) {
    case 'done': {
      const { responses, failure } = answer.value;
      const told = failure && toFailure(fromFailure(failure));
      if (told && responses.length === 0) return { ...base, result: { case: 'failure', value: told } };
      return {
        ...base,
        result: { case: 'done', value: create(ResponsesSchema, { messages: responses }) },
        ...(told ? { trailingFailure: told } : {}),
      };
    }
    case 'neverStarted':
      return {
        ...base,
        result: { case: 'neverStarted', value: toFailure(fromFailure(answer.value)) },
        keyFree: frame.keyFree,
      };
    default: {
      const silent = new AppError('OUTCOME_UNKNOWN', { why: 'the device did not say' });
      const why = answer.value ? fromFailure(answer.value) : silent;
      return { ...base, result: { case: 'unknown', value: toFailure(why) } };
    }
  }
}

/**
 * Who sees the result: the model that asked for it, as far as that can be told before the next turn is placed. Where it did not say
 * which it is, nobody knows: whom its request was for is a rule, not a name.
 */
function recipientOf(run: FoldedRun, job: FoldedJob): string {
  if (run.kind === 'call') return '';
  return chatOf(run, job.step)?.finish?.model?.provider || UNKNOWN_RECIPIENT;
}
