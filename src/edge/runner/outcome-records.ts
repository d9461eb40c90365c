// The journal's records of tool calls: what began, what it came to, what was refused.
import { create } from '@bufbuild/protobuf';
import { type Failure, FailureSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { ToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { type Intent, IntentSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { toFailure } from '../../contract/errors.ts';
import type { MarkedFact } from '../egress/origins.ts';
import { type Blobs, INLINE_RESULT_BYTES } from '../journal/blobs.ts';
import type { CallEntry } from '../journal/call-book.ts';
import type { RecordInit } from '../journal/records.ts';
import type { RefusalSum } from '../journal/refusal-book.ts';
import type { CommitEnd } from '../tools/shell/preview/left-commits.ts';
import { addressOf, doneResult, failedResult, freedResult, type GatedAnswer, packRaw } from './answers.ts';
import type { Execution } from './execution.ts';
import { paramsDigest } from './verify-call.ts';

/** Room for an outcome: its answer and the lists of what left and what did not. */
export const OUTCOME_ROOM = INLINE_RESULT_BYTES + (32 << 10);

const callFields = ({ call, digest, expireTime }: Execution) => ({
  idempotencyKey: call.idempotencyKey,
  job: call.job,
  run: call.run,
  method: call.method,
  paramsSha256: digest,
  ...(expireTime && { expireTime }),
});

/** A call that is about to begin. Of an effect it is synced before that. */
export function intentOf(execution: Execution, bootId: string): Intent {
  const { approval, grant, unasked } = execution.right;
  const grants = grant === '' ? [] : [grant];
  return create(IntentSchema, { ...callFields(execution), bootId, approval, grants, unasked });
}

/**
 * What a call came to. Of a READ the digest, because it can be run again; else the answer as it was before the gate, in the
 * record or, when it is long, in a blob. The result beside it holds only the attempt and the failure.
 */
export async function outcomeRecord(
  execution: Execution,
  answer: GatedAnswer,
  kept: {
    readonly harmless: boolean;
    /** Whether somebody will say that the answer has come; else nothing is known of the key any more. */
    readonly settles: boolean;
    /** What marks in the answer stand for. */
    readonly facts: readonly MarkedFact[];
    readonly blobs: Pick<Blobs, 'put'>;
    readonly log: Logger;
  },
): Promise<RecordInit> {
  const { failure } = answer;
  const { call, raw } = execution;
  const { recipient } = call;
  const facts = kept.facts.map(({ mark, text }) => ({ mark, text }));
  const base = {
    ...callFields(execution),
    recipient,
    facts,
    egress: [...answer.egress],
    ...(failure ? { failure } : {}),
  };
  if (kept.harmless) {
    const packed = packRaw(answer.responses);
    const resultSha256 = paramsDigest({ method: call.method, params: packed });
    return {
      case: 'toolOutcome',
      value: { ...base, resultSha256, ...(!kept.settles && { result: { job: call.job, keyFree: true } }) },
    };
  }
  const bare = { responses: [], failure, withheld: [], egress: [] };
  const result = doneResult(addressOf(call), bare, 0);
  const packed = packRaw(raw);
  if (packed.length <= INLINE_RESULT_BYTES) {
    return { case: 'toolOutcome', value: { ...base, result, rawResponses: [...raw] } };
  }
  try {
    return { case: 'toolOutcome', value: { ...base, result, blob: await kept.blobs.put(packed) } };
  } catch (error) {
    // It happened, and that must be written down. The answer is sent once, from memory.
    kept.log.error('a long result could not be kept', error, { job: call.job });
    return { case: 'toolOutcome', value: { ...base, result, blob: DROPPED } };
  }
}

/** An effect that had an intent and was given up before anything changed: its key is forgotten again. */
export function undoneRecord(execution: Execution, failure: Failure): RecordInit {
  const { reason, code, retryable } = failure;
  const why = { reason, code, retryable };
  const result = freedResult(addressOf(execution.call), create(FailureSchema, why), 0);
  return { case: 'toolOutcome', value: { ...callFields(execution), failure: why, result } };
}

/** The same of a call that the owner is asked about anew: its caller is told nothing, and no attempt is spent. */
export function changedCallRecord(execution: Execution): RecordInit {
  const failure = toFailure(new AppError('APPROVAL_CHANGED'));
  const result = freedResult({ ...addressOf(execution.call), epoch: 0n }, failure, 0);
  return { case: 'toolOutcome', value: { ...callFields(execution), failure, result } };
}

/** In the place of a blob's name: there was a result, and it was not kept. */
const DROPPED = 'dropped';

/** What a refusal says of its key: it is the answer for ever; or the key is free and only the attempt is spent; or nothing. */
export type KeyOfRefusal = 'kept' | 'free' | 'unsaid';

/** A refusal before anything began. */
export function refusalRecord(call: ToolCall, failure: Failure, key: KeyOfRefusal): RecordInit {
  const { reason, code, retryable } = failure;
  return {
    case: 'toolRefused',
    value: {
      idempotencyKey: key === 'kept' ? call.idempotencyKey : '',
      job: call.job,
      method: call.method,
      failure: { reason, code, retryable },
      freeEpoch: key === 'free' ? call.epoch : 0n,
    },
  };
}

/** Refusals that were not written down one by one. */
export function refusalSumRecord({ reason, count }: RefusalSum): RecordInit {
  return { case: 'toolRefused', value: { failure: { reason }, count: BigInt(count) } };
}

/** The answer of a call that an earlier start left behind. @param end what the disk says; undefined where it says nothing */
export function leftRecord({ key, job, run, method, params }: CallEntry, end: CommitEnd | undefined): RecordInit {
  const to = { job, epoch: 0n, key };
  const call = { idempotencyKey: key, job, run, method, paramsSha256: Buffer.from(params, 'hex') };
  if (end === 'done') {
    // What it printed went with the process.
    const failure = toFailure(new AppError('RESULT_DROPPED'));
    const result = doneResult(to, { responses: [], failure, withheld: [], egress: [] }, 0);
    return { case: 'toolOutcome', value: { ...call, failure, result } };
  }
  const undone = end === 'undone';
  const failure = toFailure(
    undone ? new AppError('CALL_ENDED_PROCESS') : new AppError('OUTCOME_UNKNOWN', { why: LEFT }),
  );
  const result = undone ? freedResult(to, failure, 0) : failedResult(to, 'unknown', failure, 0);
  return { case: 'toolOutcome', value: { ...call, failure, result } };
}

const LEFT = 'the edge ended while it was at work on it';

/** The same of one whose tool cannot tell what became of it. */
export function unknownOutcome(execution: Execution, failure: Failure): RecordInit {
  const result = failedResult(addressOf(execution.call), 'unknown', failure, 0);
  return { case: 'toolOutcome', value: { ...callFields(execution), failure, result } };
}

/** A call without an intent that was in hand when the process ended: nothing was changed, so its key is free; the end is counted. */
export function notBegunRecord({ $typeName: _, bootId: __, grants: ___, approval: ____, ...call }: Intent): RecordInit {
  const failure = toFailure(new AppError('CALL_ENDED_PROCESS'));
  const result = freedResult({ job: call.job, epoch: 0n, key: call.idempotencyKey }, failure, 0);
  return { case: 'toolOutcome', value: { ...call, failure, result } };
}
