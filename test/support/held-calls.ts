// Calls that wait for the owner, over the tools side of an edge as in production: what the control plane is told, and the owner's answers.
import type { DescMethod, MessageInitShape } from '@bufbuild/protobuf';
import { expect, vi } from 'vitest';
import { type Approval, ApprovalScope, type GrantWish } from '../../gen/bowline/approval/v1/approval_pb.ts';
import { FsService, WriteMode } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import type { ToolHeld } from '../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolResult } from '../../gen/bowline/record/v1/record_pb.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { CallOptions, EdgeRig } from './edge-rig.ts';

const { write } = FsService.method;

/** What one session was told. */
export interface Told {
  readonly results: ToolResult[];
  readonly held: ToolHeld[];
}

/** A session of the control plane that hears what is told. */
export function sessionOf(rig: EdgeRig) {
  const told: Told = { results: [], held: [] };
  const sink = {
    ...rig.sinkFor(told.results, []),
    held: async (message: ToolHeld) => void told.held.push(message),
  };
  const send = <D extends DescMethod>(
    method: D,
    request: MessageInitShape<D['input']>,
    how: CallOptions,
    clock: Clock,
  ) => rig.runner.handle(rig.control.sign(method, request, how, clock), rig.session, sink);
  return {
    ...told,
    sink,
    send: <D extends DescMethod>(method: D, request: MessageInitShape<D['input']>, how: CallOptions) =>
      send(method, request, how, systemClock),
    /** Sends a write; resolves when it has its answer, or is held. */
    write: (
      path: string,
      text: string,
      how: CallOptions,
      mode: WriteMode = WriteMode.REPLACE,
      clock: Clock = systemClock,
    ) => send(write, { path, text, mode }, how, clock),
  };
}

export const pendingOf = (rig: EdgeRig): Approval[] => rig.journal.approvals.pending().map(({ approval }) => approval);

/** The owner answers what waits now, or these. */
export const answer = (
  rig: EdgeRig,
  allow: boolean,
  which = pendingOf(rig),
  scope: ApprovalScope = ApprovalScope.ONCE,
  wish?: GrantWish,
) =>
  rig.desk.answer(
    which.map(({ id, digest }) => ({ $typeName: 'bowline.local.v1.AnsweredApproval', id, digest })),
    allow,
    scope,
    'box',
    wish,
  );

/** The reason of a result; `done` for one that is done. */
/** What a life of the edge, which may end at any write of its journal, told the owner. */
export interface Life {
  /** Whether the owner was told that the answer is taken. */
  answered: boolean;
}

/** Waits for the end of a call, or for that of its edge's journal; what the owner is asked is allowed. */
export async function allowedOnce(rig: EdgeRig, session: Told, sent: Promise<unknown>, life: Life): Promise<void> {
  const send = sent.catch(() => {});
  await Promise.race([send, vi.waitFor(() => expect(rig.fatal).not.toEqual([]), { timeout: 5000 })]);
  const [approval] = pendingOf(rig);
  if (approval) {
    // Whoever was told that it is taken is not asked again.
    expect(life.answered).toBe(false);
    await answer(rig, true).then(
      () => {
        life.answered = true;
      },
      () => {},
    );
  }
  if (rig.fatal.length === 0)
    await vi.waitFor(() => expect([session.results.length, rig.fatal.length]).not.toEqual([0, 0]), { interval: 5 });
}

export const reasonOf = ({ answer: { case: kind, value } }: ToolResult): string =>
  kind === 'done' ? (value.failure?.reason ?? 'done') : (value?.reason ?? 'none');
