// What the owner does about approvals, method by method.
import type { ServiceImpl } from '@connectrpc/connect';
import type { Approval } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { ApprovalDesk } from '../approvals/approval-desk.ts';
import type { ApprovalList } from '../approvals/approval-list.ts';
import type { DayCap } from '../journal/day-cap.ts';
import { withDayRoom } from './day-room.ts';

export interface ApprovalMethodsDeps {
  readonly desk: Pick<ApprovalDesk, 'answer' | 'pending'>;
  readonly approvals: Pick<ApprovalList, 'list' | 'get' | 'watch'>;
  readonly day: Pick<DayCap, 'use'>;
  /** Aborts when the process leaves. */
  readonly closing: AbortSignal;
}

type ApprovalMethods = Pick<
  ServiceImpl<typeof LocalService>,
  'listApprovals' | 'getApproval' | 'answerApprovals' | 'watchApprovals'
>;

/** Who comes by the socket with the owner key is at the box. */
const AT_THE_BOX = 'box';

export function approvalMethods({ desk, approvals, day, closing }: ApprovalMethodsDeps): ApprovalMethods {
  const told = (approval: Approval) => withDayRoom(day, approval);
  return {
    listApprovals(request) {
      const list = approvals.list(request);
      return { ...list, approvals: list.approvals.map(told) };
    },
    getApproval: async ({ id }) => ({ approval: told(await approvals.get(id)) }),
    async answerApprovals({ approvals: answers, allow, scope, grant }) {
      const ids = await desk.answer(answers, allow, scope, AT_THE_BOX, grant);
      return { approvals: await Promise.all(ids.map((id) => approvals.get(id))) };
    },
    async *watchApprovals(_, { signal }) {
      for await (const approval of approvals.watch(AbortSignal.any([signal, closing])))
        yield { approval: told(approval) };
      if (closing.aborted) throw new AppError('CLOSED', { what: 'this edge' });
    },
  };
}
