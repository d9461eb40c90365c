// What the owner does about approvals, method by method.
import type { ServiceImpl } from '@connectrpc/connect';
import type { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { ApprovalDesk } from '../approvals/approval-desk.ts';
import type { ApprovalList } from '../approvals/approval-list.ts';

export interface ApprovalMethodsDeps {
  readonly desk: Pick<ApprovalDesk, 'answer' | 'pending'>;
  readonly approvals: Pick<ApprovalList, 'list' | 'get' | 'watch'>;
  /** Aborts when the process leaves. */
  readonly closing: AbortSignal;
}

type ApprovalMethods = Pick<
  ServiceImpl<typeof LocalService>,
  'listApprovals' | 'getApproval' | 'answerApprovals' | 'watchApprovals'
>;

/** Who comes by the socket with the owner key is at the box. */
const AT_THE_BOX = 'box';

export function approvalMethods({ desk, approvals, closing }: ApprovalMethodsDeps): ApprovalMethods {
  return {
    listApprovals: (request) => approvals.list(request),
    getApproval: async ({ id }) => ({ approval: await approvals.get(id) }),
    async answerApprovals({ approvals: answers, allow, scope, grant }) {
      const ids = await desk.answer(answers, allow, scope, AT_THE_BOX, grant);
      return { approvals: await Promise.all(ids.map((id) => approvals.get(id))) };
    },
    async *watchApprovals(_, { signal }) {
      for await (const approval of approvals.watch(AbortSignal.any([signal, closing]))) yield { approval };
      if (closing.aborted) throw new AppError('CLOSED', { what: 'this edge' });
    },
  };
}
