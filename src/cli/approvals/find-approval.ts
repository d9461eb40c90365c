// Approvals of the box: lists of them, and the one that a part of an id means.
import type { Approval } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Side } from '../client.ts';
import type { CliIo } from '../io.ts';
import { pages } from '../listing.ts';
import { wholeId } from '../short-id.ts';
import { approvalTitle } from './approval-view.ts';

/** Among so many a part of an id is looked up. */
export const MOST_WAITING = 5_000;

export interface ApprovalsWish {
  readonly limit: number;
  /** Also those that wait no more. */
  readonly all: boolean;
  /** Only of this run, or of the run whose id begins or ends like this; empty: of all. */
  readonly run: string;
}

/** Oldest first; with those that wait no more the newest first. With `io`, people are told where there are more. */
export async function listApprovals(edge: Side, wish: ApprovalsWish, io?: CliIo): Promise<Approval[]> {
  const { limit, all, run } = wish;
  const local = edge.client(LocalService);
  const read = (run: string, most: number, told?: CliIo) =>
    pages(
      most,
      async (pageSize, pageToken) => {
        const { approvals, nextPageToken } = await local.listApprovals({ run, all, pageSize, pageToken });
        return { items: approvals, nextPageToken };
      },
      told,
    );
  const whole = await wholeId(run, 'run', async () =>
    (await read('', MOST_WAITING)).map(({ run, title }) => ({ id: run, about: title.slice(0, 60) })),
  );
  if (!all) return await read(whole, limit, io);
  // The box pages from the oldest on.
  const newest = (await read(whole, MOST_WAITING)).reverse();
  return await pages(limit, async () => ({ items: newest, nextPageToken: '' }), io);
}

/** Throws NOT_FOUND, and USAGE when several are meant. */
export async function foundApproval(edge: Side, typed: string): Promise<Approval> {
  const id = await wholeId(typed, 'approval', async () =>
    (await listApprovals(edge, { limit: MOST_WAITING, all: true, run: '' })).map((each) => ({
      id: each.id,
      about: approvalTitle(each).slice(0, 60),
    })),
  );
  const { approval } = await edge
    .client(LocalService)
    .getApproval({ id })
    .catch((error: unknown) => {
      throw error instanceof AppError && error.reason === 'NOT_FOUND' ? noApproval(typed) : error;
    });
  if (!approval) throw noApproval(typed);
  return approval;
}

/** With what was typed: several may have been. */
const noApproval = (typed: string): AppError =>
  new AppError('NOT_FOUND', { kind: 'approval' }, { message: `no such approval here: ${typed}` });
