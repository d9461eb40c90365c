// Sends an answer to the edge: for each approval with the digest of what was shown, so that it counts for nothing else.
import type { Client } from '@connectrpc/connect';
import type { Approval, ApprovalScope, GrantWish } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';

/** All of them or none; with `grant` one, and a lasting grant with it. They as they are then. Throws APPROVAL_CHANGED, APPROVAL_ENDED, NOT_FOUND. */
export async function sendAnswers(
  local: Client<typeof LocalService>,
  which: readonly Approval[],
  allow: boolean,
  scope: ApprovalScope,
  grant?: GrantWish,
): Promise<Approval[]> {
  const approvals = which.map(({ id, digest }) => ({ id, digest }));
  return (await local.answerApprovals({ approvals, allow, scope, ...(grant && { grant }) })).approvals;
}
