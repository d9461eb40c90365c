// A call at the control plane's port that may have to wait for its owner: where its device is this box, what it waits for is asked here, as
// `ask` does, or said; elsewhere it is said where that can be seen.
import { setTimeout as wait } from 'node:timers/promises';
import { type Approval, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { type GlobalOptions, localSide, type Side } from '../client.ts';
import type { CliIo } from '../io.ts';
import { Printer } from '../output.ts';
import { canBeAsked } from './answer-keys.ts';
import { approvalEnd, approvalTitle, typedId } from './approval-view.ts';
import { listApprovals, MOST_WAITING } from './find-approval.ts';
import { ApprovalQuestions } from './questions.ts';
import { sendAnswers } from './send-answers.ts';

export interface AskedCallOptions extends GlobalOptions {
  readonly json?: boolean;
}

export interface CalledMethod {
  /** Full name of the method. */
  readonly method: string;
  /** Id of the device. */
  readonly device: string;
  /** Ends the call. */
  readonly leave: AbortController;
}

/** How long this box is given to say that it is here. */
const LIMIT_MS = 2_000;
/** After this long without a word from another device, it is said what may be the cause. */
const QUIET_MS = 3_000;

/** Makes the call, and asks its owner meanwhile. */
export async function askingForCall<T>(
  io: CliIo,
  options: AskedCallOptions,
  called: CalledMethod,
  act: () => Promise<T>,
): Promise<T> {
  const side = localSide(io, options);
  const done = new AbortController();
  let watching: Promise<void> | undefined;
  try {
    const before = await waitingHere(side, called.device);
    watching = before ? askHere(io, options, called, { side, before, signal: done.signal }) : sayWhere(io, done.signal);
    return await act();
  } finally {
    done.abort();
    await watching;
    side.close();
  }
}

/** Ids of what waits on this box before the call is made; undefined where the call is for another one, or none is here. */
async function waitingHere(side: Side, device: string): Promise<ReadonlySet<string> | undefined> {
  try {
    const status = await side.client(LocalService).getStatus({}, { timeoutMs: LIMIT_MS });
    if (status.device !== device) return undefined;
    const waiting = await listApprovals(side, { limit: MOST_WAITING, all: false, run: '' });
    return new Set(waiting.map(({ id }) => id));
  } catch {
    return undefined;
  }
}

/** No ask of this box, this method, and not there before. */
const isOf = ({ method }: CalledMethod, before: ReadonlySet<string>, approval: Approval): boolean =>
  approval.title === '' && approval.method === method && !before.has(approval.id);

async function askHere(
  io: CliIo,
  { json }: AskedCallOptions,
  called: CalledMethod,
  { side, before, signal }: { readonly side: Side; readonly before: ReadonlySet<string>; readonly signal: AbortSignal },
): Promise<void> {
  const local = side.client(LocalService);
  const err = new Printer(io.stderr, io.env);
  const questions =
    !json && canBeAsked(io)
      ? new ApprovalQuestions({
          io,
          send: (which, allow, scope) => sendAnswers(local, which, allow, scope),
          opened: () => {},
          closed: () => {},
          left: () => called.leave.abort(),
          leaving: 'left, and with it the call',
        })
      : undefined;
  try {
    for await (const { approval } of local.watchApprovals({}, { signal })) {
      if (!approval || !isOf(called, before, approval)) continue;
      if (questions) questions.take(approval);
      else if (approval.state !== ApprovalState.PENDING)
        err.quoted(`${approvalEnd(approval)}: ${approvalTitle(approval)}`);
      else {
        err.quoted(`waits for your yes: ${approvalTitle(approval)}`, 'yellow');
        const id = typedId(approval);
        err.line(`  look at it with: bowline approvals show ${id}`);
        err.line(`  answer it with:  bowline approvals allow ${id}, or deny`);
      }
    }
  } catch {
    // The call goes on without it, and tells what became of it.
  } finally {
    await questions?.end();
  }
}

async function sayWhere(io: CliIo, signal: AbortSignal): Promise<void> {
  try {
    await wait(QUIET_MS, undefined, { signal });
  } catch {
    return;
  }
  const text = 'no answer yet; if its owner is asked first, `bowline approvals ls` on the device shows it';
  new Printer(io.stderr, io.env).line(text, 'yellow');
}
