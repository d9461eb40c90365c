// Sends an answer to the edge: for each approval with the digest of what was shown, so that it counts for nothing else.
import type { Client } from '@connectrpc/connect';
import type { Approval, ApprovalScope, GrantWish } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';

/** Most answers of one request. */
const MOST = 64;

/** A yes to all of them or none, a no to so many at a time as one request takes; with `grant` one, and a lasting grant with it. They as they are then. Throws APPROVAL_CHANGED, APPROVAL_ENDED, NOT_FOUND, USAGE. */
export async function sendAnswers(
  local: Client<typeof LocalService>,
  which: readonly Approval[],
  allow: boolean,
  scope: ApprovalScope,
  grant?: GrantWish,
): Promise<Approval[]> {
  if (allow && which.length > MOST)
    throw new AppError('USAGE', { what: `at most ${MOST} calls can be allowed at once: ${which.length} were named` });
  const now: Approval[] = [];
  for (let at = 0; at < which.length; at += MOST) {
    const approvals = which.slice(at, at + MOST).map(({ id, digest }) => ({ id, digest }));
    now.push(...(await local.answerApprovals({ approvals, allow, scope, ...(grant && { grant }) })).approvals);
  }
  return now;
}
