// Asks the owner for content that a call would tell and that no grant lets out. Whatever is answered, the call goes on: with the content
// after a yes, without it after a no, after silence and where nothing can be asked.
import { create } from '@bufbuild/protobuf';
import {
  EffectSchema as ApprovalEffectSchema,
  ApprovalState,
  type ShareEffect,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../base/errors.ts';
import { approvalDigest } from '../approvals/approval-digest.ts';
import { changedRecord } from '../approvals/held-call.ts';
import { isForeign } from '../approvals/judge-call.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import { shareEntry } from '../journal/share-entry.ts';
import type { Execution } from './execution.ts';
import type { AskingDesk, CallPlan, InPlace } from './plan-call.ts';

export interface ShareAsking {
  readonly desk: AskingDesk;
  readonly journal: Pick<EdgeJournal, 'append'>;
}

/** True when it was asked: the call is judged again. False: it goes on under what is granted. @throws why the call ended */
export async function askToShare(
  { desk, journal }: ShareAsking,
  execution: Execution,
  { share }: CallPlan,
  inPlace: InPlace,
  waits: (leftMs: number) => void,
): Promise<boolean> {
  const { call, digest: params, signal } = execution;
  const { run, job, idempotencyKey: key, method, taints } = call;
  if (!share || execution.keepsBack) return false;
  const show = async () => {
    const effect = effectOf(await inPlace(() => share.show()));
    // One answer is enough, whatever became of it: what was shared ends, and is not asked for anew.
    return effect && desk.wasAsked(run, approvalDigest({ run, job, method, params }, effect)) ? undefined : effect;
  };
  try {
    const before = desk.askedFor({ key, params, run, job });
    // What waits for its answer is not looked at meanwhile, however often this process starts.
    const effect = before?.state === ApprovalState.PENDING ? before.effect : await show();
    if (effect?.effect.case !== 'share') return false;
    if (before?.state === ApprovalState.ALLOWED) await journal.append([changedRecord(before.id)]);
    const entry = shareEntry(effect.effect.value);
    const reason = reasonOf(taints.some(isForeign));
    const asked = {
      run,
      job,
      key,
      method,
      params,
      entry,
      taints,
      reason,
      cover: 'waiting',
      signal,
      show,
      waits,
    } as const;
    execution.keepsBack = (await desk.ask(asked)).kind === 'refused';
    return true;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    signal.throwIfAborted();
    // Nobody is asked: the call says itself what stands in its way.
    execution.keepsBack = true;
    return true;
  }
}

const effectOf = (value: ShareEffect | undefined) =>
  value && create(ApprovalEffectSchema, { effect: { case: 'share', value } });

const reasonOf = (isForeignRun: boolean): string =>
  isForeignRun
    ? 'no grant lets this content out, and the run wants it after it has read what others wrote'
    : 'no grant lets this content out, and the run wants it for its answer';
