// What is to be done for a call, judged by its letters: its work, what the owner allowed of it, or why the owner must be asked first.
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Approval, Effect as ApprovalEffect } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { ApprovalDesk, AskedCall } from '../approvals/approval-desk.ts';
import { type Judgement, judgeCall } from '../approvals/judge-call.ts';
import { Origins } from '../egress/origins.ts';
import type { EdgeTool, PreparedCall, Change as ToolChange } from '../tools/tool.ts';
import type { Execution } from './execution.ts';
import { parseParams } from './verify-call.ts';

/** What asks the owner. Nothing of it answers. */
export type AskingDesk = Pick<ApprovalDesk, 'ask' | 'allowedFor' | 'allowedIn' | 'isOver' | 'open' | 'withdraw'>;

export interface CallPlan {
  readonly method: CapabilityMethod;
  readonly origins: Origins;
  readonly work: PreparedCall['work'];
  /** What the owner allowed, with its effect; undefined where nobody had to be asked. */
  readonly shown: Approval | undefined;
  /** Why the owner must be asked first. */
  readonly asks: (Extract<Judgement, { kind: 'ask' }> & { readonly change: ToolChange }) | undefined;
}

/** @throws AppError when it is refused */
export function planCall(
  { call, digest, signal }: Execution,
  { method, tool }: { readonly method: CapabilityMethod; readonly tool: EdgeTool },
  desk: AskingDesk,
): CallPlan {
  const request = parseParams(method, call.params);
  const origins = new Origins();
  const { run, job, recipient, timeout, idempotencyKey: key, confirmation, taints } = call;
  const deadlineMs = timeout && durationMs(timeout);
  const { change, work } = tool.prepare(request, { run, job, key, recipient, deadlineMs, signal, origins });
  if (change && desk.isOver(run)) throw new AppError('CANCELED');
  const shown = change && desk.allowedFor({ key, params: digest, run, job });
  if (shown) return { method, origins, work, shown, asks: undefined };
  const judged = judgeCall({ change, confirmation, taints, allowed: change && desk.allowedIn(run, change.entry) });
  if (judged.kind === 'refuse') throw judged.why;
  const asks = judged.kind === 'ask' && change ? { ...judged, change } : undefined;
  return { method, origins, work, shown: undefined, asks };
}

/** Asks the owner, or waits in line for that. @param inPlace does something of the call in a place and a time of its own */
export async function askOwner(
  desk: AskingDesk,
  { call, digest: params, signal }: Execution,
  { change, reason, cover }: NonNullable<CallPlan['asks']>,
  inPlace: <T>(act: () => Promise<T>) => Promise<T>,
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
    if (shown && error instanceof AppError && NO.has(error.reason)) await change.discard?.(shown);
    throw error;
  }
}

/** After these no yes comes any more. */
const NO: ReadonlySet<string> = new Set(['APPROVAL_DENIED', 'APPROVAL_EXPIRED', 'APPROVALS_OVER', 'CANCELED']);
