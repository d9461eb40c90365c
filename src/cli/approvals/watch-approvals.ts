// `approvals watch`: what waits now and what comes, until Ctrl-C. At a terminal each step is asked about; elsewhere each change is a line.
import { type Approval, ApprovalSchema, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { type GlobalOptions, isAbsent, isCutOff, using } from '../client.ts';
import type { CliIo } from '../io.ts';
import { Printer } from '../output.ts';
import { approvalsSide } from '../owners/approvals-side.ts';
import { plain } from '../plain.ts';
import { resumed } from '../resumed.ts';
import { timeText } from '../units.ts';
import { canBeAsked } from './answer-keys.ts';
import { approvalEnd, approvalTitle } from './approval-view.ts';
import { ApprovalQuestions } from './questions.ts';
import { sendAnswers } from './send-answers.ts';

export async function watchApprovals(io: CliIo, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const leave = new AbortController();
  const stop = io.onInterrupt(() => leave.abort());
  const err = new Printer(io.stderr, io.env);
  try {
    await using(await approvalsSide(io, options), async (edge) => {
      const local = edge.client(LocalService);
      const questions =
        !options.json && canBeAsked(io)
          ? new ApprovalQuestions({
              io,
              send: (which, allow, scope) => sendAnswers(local, which, allow, scope),
              opened: () => {},
              closed: () => {},
              left: () => leave.abort(),
            })
          : undefined;
      if (questions) err.line('what needs your yes is asked here; Ctrl-C ends', 'dim');
      const show = questions ? (each: Approval) => questions.take(each) : lines(io, options);
      async function* open() {
        for await (const { approval } of local.watchApprovals({}, { signal: leave.signal }))
          if (approval) yield approval;
        throw new AppError('CONNECTION_LOST', { where: 'the edge', problem: 'the stream ended early' });
      }
      const onLost = () => {
        const lost = 'the edge went away; waiting for it to come back';
        if (questions) questions.lost(lost);
        else err.line(lost, 'yellow');
      };
      try {
        for await (const each of resumed({ open, mayReturn, onLost, signal: leave.signal })) show(each);
      } finally {
        await questions?.end();
      }
    });
  } finally {
    stop();
  }
}

/** At the first call an edge that is not there is an error; later it is one that will be back. */
const mayReturn = (error: AppError, wasThere: boolean): boolean => (isAbsent(error) ? wasThere : isCutOff(error));

function lines({ stdout, env }: CliIo, { json }: { readonly json?: boolean }): (approval: Approval) => void {
  // One line for each, also on a terminal.
  const out = new Printer({ write: (text) => stdout.write(text) }, env);
  return (each) => {
    if (json) return out.json(plain(ApprovalSchema, each));
    const time = each.state === ApprovalState.PENDING ? each.createTime : each.endTime;
    out.quoted(`${timeText(time)}  ${each.id}  ${approvalEnd(each)}: ${approvalTitle(each)}`);
  };
}
