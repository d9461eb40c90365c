// What an answer of the owner must be: for what was shown, and not against another one. Pure.
import { ApprovalScope, ApprovalState, type GrantWish } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { AnsweredApproval } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { ApprovalBook } from '../journal/approval-book.ts';

type Answer = Pick<AnsweredApproval, 'id' | 'digest'>;

/** What is answered, by whom, and for what. */
export interface AnswerTerms {
  readonly allow: boolean;
  readonly scope: ApprovalScope;
  readonly by: string;
  readonly wish: GrantWish | undefined;
}

const WORDS: Readonly<Record<number, string>> = {
  [ApprovalState.ALLOWED]: 'allowed',
  [ApprovalState.DENIED]: 'denied',
  [ApprovalState.EXPIRED]: 'expired',
  [ApprovalState.WITHDRAWN]: 'withdrawn',
  [ApprovalState.CHANGED]: 'asked anew',
};

/** Whether there is something to write down for this answer. @throws NOT_FOUND, APPROVAL_CHANGED, APPROVAL_ENDED */
export function mustAnswer(book: Pick<ApprovalBook, 'get' | 'ended'>, { id, digest }: Answer, allow: boolean): boolean {
  const approval = book.get(id)?.approval ?? book.ended(id)?.approval;
  if (!approval) throw new AppError('NOT_FOUND', { kind: 'approval' });
  if (Buffer.compare(approval.digest, digest) !== 0) throw new AppError('APPROVAL_CHANGED');
  if (approval.state === ApprovalState.PENDING) return true;
  if (approval.state === (allow ? ApprovalState.ALLOWED : ApprovalState.DENIED)) return false;
  throw new AppError('APPROVAL_ENDED', { state: WORDS[approval.state] ?? 'over' });
}

/** @throws INVALID_ARGUMENT where a lasting grant is wished for with anything but a yes to one approval, or is missing */
export function mustBeOneForGrant(
  answers: readonly Answer[],
  allow: boolean,
  scope: ApprovalScope,
  wish: GrantWish | undefined,
): void {
  const isOne = allow && answers.length === 1;
  if ((scope === ApprovalScope.PATTERN) !== (wish !== undefined) || (wish && !isOne))
    throw new AppError('INVALID_ARGUMENT', { what: 'a lasting grant is made with a yes to one approval' });
}
