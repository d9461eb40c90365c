// What a call to the owner is made of, and what its end leaves behind. Pure.
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type Approval,
  type Effect as ApprovalEffect,
  EffectSchema as ApprovalEffectSchema,
  ApprovalSchema,
  ApprovalState,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import type { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { newId } from '../../base/ids.ts';
import { toFailure } from '../../contract/errors.ts';
import type { OpenApproval } from '../journal/approval-book.ts';
import type { RecordInit } from '../journal/records.ts';
import { isShareEntry } from '../journal/share-entry.ts';
import { approvalDigest } from './approval-digest.ts';
import type { CoveredBy } from './judge-call.ts';

/** A record must hold it, with what else stands there. */
const EFFECT_BYTES = 512 << 10;
const TITLE_CHARS = 200;

/** A call that needs the owner. */
export interface HeldCall {
  readonly run: string;
  readonly job: string;
  readonly key: string;
  readonly method: string;
  /** SHA-256 of method and parameters. */
  readonly params: Uint8Array;
  readonly entry: string;
  readonly taints: readonly Taint[];
  readonly reason: string;
  /** Which answers to other calls of the run stand for this one, too. */
  readonly cover: CoveredBy;
  /** Works out what would happen, once it is this one's turn; undefined where there is nothing to ask any more. */
  readonly show: () => Promise<ApprovalEffect | undefined>;
  /** Aborts when nobody wants it any more. */
  readonly signal: AbortSignal;
  /** Told that it waits, and how long yet in milliseconds; again when that changes. */
  readonly waits: (leftMs: number) => void;
}

/** Why it is asked, for people. @param changed whether it was allowed before, and was not so any more when it was to run */
export const reasonOf = ({ reason }: Pick<HeldCall, 'reason'>, changed: boolean): string =>
  changed ? `what it would do has changed since your yes, so it is asked anew; ${reason}` : reason;

/** @throws LIMIT_EXCEEDED when there is more to show than a record holds */
export function newApproval(
  call: HeldCall,
  effect: ApprovalEffect,
  { title, now, lifeMs }: { readonly title: string; readonly now: number; readonly lifeMs: number },
): Approval {
  if (toBinary(ApprovalEffectSchema, effect).length > EFFECT_BYTES)
    throw fixedLimit('what would be shown of this call', `${EFFECT_BYTES} bytes`, 'ask for less at once');
  const { run, job, method, entry, reason, taints } = call;
  return create(ApprovalSchema, {
    id: newId(),
    run,
    job,
    method,
    title: titleOf(title),
    state: ApprovalState.PENDING,
    createTime: timestampFromMs(now),
    expireTime: timestampFromMs(now + lifeMs),
    effect,
    taints: [...taints],
    reason,
    digest: approvalDigest(call, effect),
    entry,
  });
}

/** Milliseconds since 1970 when it ends without an answer. */
export const approvalExpiry = ({ expireTime }: Approval): number => (expireTime ? timestampMs(expireTime) : 0);

/** Whole letters of it. */
const titleOf = (text: string): string => [...text.slice(0, TITLE_CHARS * 2)].slice(0, TITLE_CHARS).join('');

/** Stays the answer of the key, whoever asks again. A call that only was not shared with goes on. */
export function refusalOf(open: OpenApproval | undefined, why: AppError | undefined): RecordInit[] {
  if (!open || !why || isShareEntry(open.approval.entry)) return [];
  const { reason, code, retryable } = toFailure(why);
  const { job, method } = open.approval;
  return [
    { case: 'toolRefused', value: { idempotencyKey: open.key, job, method, failure: { reason, code, retryable } } },
  ];
}

/** What was shown is not so any more: the call is asked for anew. */
export const changedRecord = (id: string): RecordInit => ({
  case: 'approvalEnded',
  value: { id, state: ApprovalState.CHANGED },
});
