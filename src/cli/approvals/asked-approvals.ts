// The approvals of one ask that someone follows: asked at the terminal where there is one. While a question stands there everything else
// waits; elsewhere the command leaves, and says how to answer.
import type { Client } from '@connectrpc/connect';
import { ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { RunEvent as LocalRunEvent, LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import type { AskResult } from '../ask-result.ts';
import type { CliIo } from '../io.ts';
import type { RunPrinter } from '../run-printer.ts';
import { canBeAsked } from './answer-keys.ts';
import { ApprovalQuestions, type QuestionParts } from './questions.ts';
import { sendAnswers } from './send-answers.ts';

/** How long it is waited for other calls of the same step before a command leaves. */
const STEP_MS = 400;

/** Where the owner is asked. */
export interface AskedThere extends Pick<QuestionParts, 'io' | 'aside'> {}

/** The terminal of a command, where it can ask; undefined where nobody is there, or a program reads what it prints. */
export const askedThere = (
  io: CliIo,
  json: boolean | undefined,
  aside?: QuestionParts['aside'],
): AskedThere | undefined => (!json && canBeAsked(io) ? { io, aside } : undefined);

export interface AskedApprovalsParts {
  readonly asked?: AskedThere | undefined;
  readonly local: Client<typeof LocalService>;
  readonly printer: RunPrinter;
  readonly wait?: number | false | undefined;
  readonly leave: AbortController;
  readonly result: AskResult;
  /** What becomes of each event, in its turn. */
  readonly receive: (event: LocalRunEvent) => void;
}

export interface AskedApprovals {
  receive(event: LocalRunEvent): void;
  /** The edge went away. */
  lost(): void;
  /** Nothing is asked any more. */
  end(): Promise<void>;
}

export function askedApprovals(parts: AskedApprovalsParts): AskedApprovals {
  const { asked, local, printer, leave, receive } = parts;
  if (!asked) return leavingAtApproval(parts);
  const held: LocalRunEvent[] = [];
  const questions = new ApprovalQuestions({
    ...asked,
    send: (which, allow, scope) => sendAnswers(local, which, allow, scope),
    opened: () => printer.flush(),
    closed: () => {
      for (const event of held.splice(0)) receive(event);
    },
    left: () => leave.abort(),
  });
  const end = () => questions.end();
  return {
    receive: (event) => {
      const { event: one } = event;
      if (one.case === 'approval') {
        receive(event);
        questions.take(one.value);
      } else if (questions.isOpen && one.case !== 'accepted') {
        held.push(event);
        if (one.case === 'ended') void end();
      } else receive(event);
    },
    lost: () => questions.lost(),
    end,
  };
}

/** Nobody can be asked here. */
function leavingAtApproval({ receive, wait, leave, result }: AskedApprovalsParts): AskedApprovals {
  let timer: NodeJS.Timeout | undefined;
  return {
    receive: (event) => {
      receive(event);
      if (event.event.case !== 'approval' || wait !== undefined) return;
      clearTimeout(timer);
      const waits = event.event.value.state === ApprovalState.PENDING || result.approvals.size > 0;
      timer = waits ? setTimeout(() => leave.abort(), STEP_MS) : undefined;
    },
    lost: () => clearTimeout(timer),
    end: async () => clearTimeout(timer),
  };
}
