// What an end of the box left of commits, by the calls that they were for: from what lies on the disk, not from what was meant. Pure.
import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import {
  type Approval,
  type CommandEffect,
  CommandEffectSchema,
} from '../../../../../gen/bowline/approval/v1/approval_pb.ts';

/** A call that the owner was asked about and that may still run. */
export interface PreviewedCall {
  readonly approval: Pick<Approval, 'effect'>;
  /** Of the call. */
  readonly key: string;
  /** Whether it has begun under its yes. */
  readonly used: boolean;
}

/** How a start ended a commit; `waiting` where it had not begun. */
export type RecoveredCommit = 'finished' | 'takenBack' | 'unclear' | 'waiting';

/** What became of a call that had begun: its changes are all on the disk, or none is. */
export type CommitEnd = 'done' | 'undone';

/** Names the folder of a plan. */
export const planNameOf = (effect: CommandEffect): string =>
  createHash('sha256').update(toBinary(CommandEffectSchema, effect)).digest('hex');

/** The calls that each plan is kept for, by its name. */
export function callsByPlan(open: readonly PreviewedCall[]): ReadonlyMap<string, readonly PreviewedCall[]> {
  const calls = new Map<string, PreviewedCall[]>();
  for (const call of open) {
    const effect = call.approval.effect?.effect;
    if (effect?.case !== 'command') continue;
    const plan = planNameOf(effect.value);
    calls.set(plan, [...(calls.get(plan) ?? []), call]);
  }
  return calls;
}

/** By the keys of the calls. Of two that had begun with one plan, nobody can tell whose commit it was. */
export function commitEndsOf(calls: readonly PreviewedCall[], how: RecoveredCommit): [key: string, end: CommitEnd][] {
  const begun = calls.filter(({ used }) => used);
  if (begun.length !== 1 || how === 'unclear') return [];
  return [[begun[0]!.key, how === 'finished' ? 'done' : 'undone']];
}
