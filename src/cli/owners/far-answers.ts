// Answers to approvals of boxes elsewhere. A box takes each by itself, so some may count where others do not: each is told as it is then.
import { type Approval, type ApprovalScope, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { AnsweredApproval } from '../../../gen/bowline/local/v1/local_pb.ts';
import type { AppError } from '../../base/errors.ts';
import { approvalTitle } from '../approvals/approval-view.ts';
import type { CliIo } from '../io.ts';
import { Printer } from '../output.ts';
import { telling } from '../told-wait.ts';
import type { FarApprovals, FarOutcome, SentAnswer } from './far-approvals.ts';

type Failed = FarOutcome & { readonly problem: AppError };

/** They as they are then; of those that still wait it is said why. Throws that where not one of them came to an end by an answer. */
export async function answerFar(
  io: CliIo,
  far: FarApprovals,
  answers: readonly Pick<AnsweredApproval, 'id' | 'digest'>[],
  allow: boolean,
  scope: ApprovalScope,
): Promise<Approval[]> {
  const sent: SentAnswer[] = [];
  for (const each of await far.shown(answers)) sent.push(await far.send(each, allow, scope));
  const outcomes = await telling(io, 'sent, not confirmed by the box yet', () =>
    Promise.all(sent.map((each) => far.outcome(each))),
  );
  const failed = outcomes.filter((each): each is Failed => each.problem !== undefined);
  const [first] = failed;
  if (first && failed.length === outcomes.length) throw first.problem;
  const err = new Printer(io.stderr, io.env);
  for (const { approval, problem } of failed)
    if (approval.state === ApprovalState.PENDING)
      err.quoted(`not answered: ${approvalTitle(approval)}: ${problem.message} (${problem.reason})`, 'red');
  return outcomes.map(({ approval }) => approval);
}
