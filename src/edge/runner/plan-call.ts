// What is to be done for a call, judged by its letters: its work, what the owner allowed of it, or why the owner must be asked first.
import { durationMs } from '@bufbuild/protobuf/wkt';
import { type Effect as ApprovalEffect, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { ApprovalDesk, AskedCall } from '../approvals/approval-desk.ts';
import type { CallGrants } from '../approvals/call-grants.ts';
import { type CallFacts, type Judgement, judgeCall } from '../approvals/judge-call.ts';
import { Origins } from '../egress/origins.ts';
import type { EdgeTool, PreparedCall, Change as ToolChange } from '../tools/tool.ts';
import type { Execution } from './execution.ts';
import { parseParams } from './verify-call.ts';

/** What asks the owner. Nothing of it answers. */
export type AskingDesk = Pick<
  ApprovalDesk,
  'ask' | 'askedFor' | 'allowedIn' | 'isOver' | 'open' | 'wasAsked' | 'withdraw'
>;

/** What says which lasting grant covers a call, and counts. Nothing of it makes one. */
export type CoveringGrants = Pick<CallGrants, 'any' | 'covering' | 'take' | 'holds'>;

export interface CallPlan {
  readonly method: CapabilityMethod;
  readonly origins: Origins;
  readonly work: PreparedCall['work'];
  /** What it would tell and the owner may be asked to share. */
  readonly share: PreparedCall['share'];
  /** The effect that the owner allowed, or that a lasting grant covers: it is compared again. Undefined where neither was needed. */
  readonly shown: Shown | undefined;
  /** Why nobody had to be asked, for people; empty where somebody was, or nothing changes. */
  readonly unasked: string;
  /** Why the owner must be asked first. */
  readonly asks:
    | (Extract<Judgement, { kind: 'ask' }> & {
        readonly change: ToolChange;
        readonly facts: CallFacts;
        /** Since before: the owner is asked already. */
        readonly waits: boolean;
      })
    | undefined;
}

/** By what a call that would be asked for runs: one approval of its own, or a lasting grant. */
interface Shown {
  readonly effect: ApprovalEffect | undefined;
  readonly approval: string;
  readonly grant: string;
}

/** @throws AppError when it is refused */
export function planCall(
  { call, digest, callDigest, signal }: Execution,
  { method, tool }: { readonly method: CapabilityMethod; readonly tool: EdgeTool },
  desk: AskingDesk,
): CallPlan {
  const request = parseParams(method, call.params);
  const origins = new Origins();
  const { run, job, recipient, timeout, idempotencyKey: key, confirmation, taints } = call;
  const deadlineMs = timeout && durationMs(timeout);
  const { change, work, share } = tool.prepare(request, {
    run,
    job,
    key,
    callDigest,
    recipient,
    deadlineMs,
    signal,
    origins,
  });
  if (change && desk.isOver(run)) throw new AppError('CANCELED');
  const plan = { method, origins, work, share, shown: undefined, unasked: '', asks: undefined };
  const own = change && desk.askedFor({ key, params: digest, run, job });
  if (own?.state === ApprovalState.ALLOWED)
    return { ...plan, shown: { effect: own.effect, approval: own.id, grant: '' } };
  // What the owner is asked already is answered by itself, whatever was allowed besides.
  const allowed = change && !own ? desk.allowedIn(run, change.entry) : undefined;
  const facts: CallFacts = { change, confirmation, taints, allowed };
  const judged = judgeCall(facts);
  if (judged.kind === 'refuse') throw judged.why;
  if (judged.kind === 'run') return { ...plan, unasked: judged.unasked };
  return { ...plan, asks: change && { ...judged, change, facts, waits: own !== undefined } };
}

/**
 * The plan of a call that would be asked for and that a lasting grant covers: its effect is worked out as for the owner, and compared with
 * the grants. Undefined where none covers it.
 */
export async function underGrant(
  grants: CoveringGrants,
  { call: { method } }: Execution,
  plan: CallPlan,
  inPlace: InPlace,
): Promise<CallPlan | undefined> {
  const { asks } = plan;
  if (!asks || asks.waits || judgeCall({ ...asks.facts, granted: true }).kind !== 'run') return undefined;
  const { change, facts } = asks;
  if (!grants.any(method, change.entry)) return undefined;
  const effect = await inPlace(() => change.show());
  const grant = grants.covering({ method, entry: change.entry, effect });
  const judged = judgeCall({ ...facts, granted: grant !== undefined });
  if (judged.kind === 'run' && grant !== undefined)
    return { ...plan, asks: undefined, unasked: judged.unasked, shown: { effect, approval: '', grant } };
  await change.discard?.(effect);
  return undefined;
}

/** Does something of a call in a place and a time of its own. */
export type InPlace = <T>(act: () => Promise<T>) => Promise<T>;

/** Asks the owner, or waits in line for that. */
export async function askOwner(
  desk: AskingDesk,
  { call, digest: params, signal }: Execution,
  { change, reason, cover }: NonNullable<CallPlan['asks']>,
  inPlace: InPlace,
  waits: (leftMs: number) => void,
): Promise<AskedCall> {
  const { run, job, idempotencyKey: key, method, taints } = call;
  const { entry } = change;
  let shown: ApprovalEffect | undefined;
  const show = async () => {
    shown = await inPlace(() => change.show());
    return shown;
  };
  try {
    return await desk.ask({ run, job, key, method, params, entry, taints, reason, cover, signal, show, waits });
  } catch (error) {
    // It was not asked for, so nobody can allow it.
    if (shown) await change.discard?.(shown);
    throw error;
  }
}
