// Asks and stays until the end: shows what happens, turns Ctrl-C into cancel and then detach, and ends waiting in time.
// When the edge goes away it is asked again with the same request id, or followed when it had accepted the ask, so that nothing is asked
// twice and nothing is lost. Prints no result; the verbs do.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import { ApprovalState } from '../../gen/bowline/approval/v1/approval_pb.ts';
import { type AskRequest, type RunEvent as LocalRunEvent, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { JobState } from '../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../base/errors.ts';
import { type AskedThere, askedApprovals } from './approvals/asked-approvals.ts';
import { pathsToShare } from './approvals/share-lines.ts';
import { askDeadline } from './ask-deadline.ts';
import { messageOf, watchInterrupts } from './ask-interrupts.ts';
import { type AskResult, newAskResult } from './ask-result.ts';
import { isAbsent, isCutOff, type Side } from './client.ts';
import type { CliIo } from './io.ts';
import { LATE, leaveAfter } from './leave-after.ts';
import { resumed } from './resumed.ts';
import type { RunPrinter } from './run-printer.ts';
import { elapsedText } from './units.ts';

/** After this long without a word, it is said. */
const QUIET_MS = 3_000;

export interface RunAskOptions {
  readonly edge: Side;
  readonly request: AskRequest;
  readonly printer: RunPrinter;
  readonly onInterrupt: CliIo['onInterrupt'];
  /** How the owner is asked; absent: not here, and the command leaves when an answer is waited for and `wait` says no time. */
  readonly asked?: AskedThere | undefined;
  /** How long it is waited for, in milliseconds; false: only until it is accepted. Default: until it ends. */
  readonly wait?: number | false | undefined;
  /** How long the ask may live. */
  readonly timeoutMs?: number | undefined;
}

/** Throws what the edge refused with, before anything was sent. */
export async function runAsk(options: RunAskOptions): Promise<AskResult> {
  const { edge, request, printer } = options;
  const local = edge.client(LocalService);
  const leave = new AbortController();
  const result = newAskResult(request.conversation);
  const { jobs } = result;
  const isKnown = () => result.run !== '';
  let lost = false;
  const interrupts = watchInterrupts({
    onInterrupt: options.onInterrupt,
    printer,
    isKnown,
    dropped: true,
    cancel: (signal) => local.cancel({ run: result.run }, { signal }),
    leave,
  });
  const stopTimer = askDeadline(options.timeoutMs, {
    waits: () => result.approval,
    late: () => leaveLate(result, leave),
  });
  const waited = leaveAfter({ wait: options.wait, leave, isKnown, onLate: () => printer.status(LATE) });
  const quiet = setTimeout(() => {
    if (result.run)
      printer.status('it is kept on this box; nothing came from the control plane yet (see bowline status)');
  }, QUIET_MS);
  const approvals = askedApprovals({ ...options, local, leave, result, receive: (event) => receive(event) });
  const receive = ({ event }: LocalRunEvent) => {
    if (event.case !== 'shared' && event.case !== 'accepted') clearTimeout(quiet);
    switch (event.case) {
      case 'shared':
        result.shared = event.value;
        return printer.shared(event.value);
      case 'accepted':
        [result.run, result.conversation] = [event.value.run, event.value.conversation];
        if (event.value.answeredBy) {
          clearTimeout(quiet);
          answeredHere(result, event.value.answeredBy, printer);
        }
        for (const warning of event.value.warnings) printer.note(warning, 'yellow');
        if (event.value.expireTime) result.expires = timestampMs(event.value.expireTime);
        interrupts.known();
        waited.known();
        return;
      case 'waiting':
        result.sent ||= event.value.sent;
        result.approval = event.value.approval || result.approvals.size > 0;
        result.waitsFor = event.value.what;
        return printer.waiting(event.value);
      case 'job':
        result.sent = true;
        jobs.set(event.value.id, event.value);
        result.approval = waitsForYes(result);
        return printer.job(event.value);
      case 'approval':
        if (event.value.state === ApprovalState.PENDING) result.approvals.set(event.value.id, event.value);
        else result.approvals.delete(event.value.id);
        result.approval = waitsForYes(result);
        for (const path of pathsToShare(event.value)) result.askedToShare.add(path);
        return;
      case 'text':
        result.sent = true;
        return printer.text(event.value);
      case 'ended':
        result.ended = event.value;
    }
  };
  printer.begin();
  try {
    const onLost = () => {
      lost = true;
      approvals.lost();
      printer.status('the edge went away; waiting for it to come back');
    };
    for await (const event of askEvents({ local, request, signal: leave.signal, onLost })) {
      approvals.receive(event);
      if (options.wait === false && result.run) break;
    }
    await approvals.end();
  } catch (error) {
    await approvals.end();
    // What was accepted is in the journal; it is not lost with the connection.
    if (!result.run) throw error;
    printer.note(messageOf(error), 'red');
  } finally {
    await approvals.end();
    interrupts.stop();
    stopTimer();
    waited.stop();
    clearTimeout(quiet);
    leave.abort();
    if (!result.ended) printer.flush();
  }
  if (result.run) return result;
  if (result.late) throw new AppError('DEADLINE_EXCEEDED', { after: elapsedText(options.timeoutMs ?? 0) });
  if (leave.signal.reason instanceof AppError) throw leave.signal.reason;
  const message = lost
    ? 'the edge went away before it told whether it had accepted the ask; see: bowline queue ls'
    : 'cancelled before the edge had accepted it';
  throw new AppError('CANCELED', {}, { message });
}

/** It goes nowhere, so it is where it is answered already. */
function answeredHere(result: AskResult, who: string, printer: RunPrinter): void {
  [result.answeredBy, result.sent] = [who, true];
  printer.answeredBy(who);
}

/** Whether it waits for the owner, as far as that is known. */
const waitsForYes = ({ approvals, jobs }: AskResult): boolean =>
  approvals.size > 0 || [...jobs.values()].some(({ state }) => state === JobState.APPROVAL);

function leaveLate(result: AskResult, leave: AbortController): void {
  result.late = true;
  leave.abort();
}

interface AskEventsOptions {
  readonly local: Client<typeof LocalService>;
  readonly request: AskRequest;
  readonly signal: AbortSignal;
  /** Called when the edge went away; the stream goes on when it is back. */
  readonly onLost: () => void;
}

/** Ends with `ended`, or when the signal aborts. Throws what the edge refused with; NOT_RUNNING when it does not come back. */
function askEvents({ local, request, signal, onLost }: AskEventsOptions): AsyncIterable<LocalRunEvent> {
  let run: string | undefined;
  async function* open() {
    for await (const { event } of run ? local.follow({ run }, { signal }) : local.ask(request, { signal })) {
      if (!event) continue;
      if (event.event.case === 'accepted') run = event.event.value.run;
      yield event;
      if (event.event.case === 'ended') return;
    }
    throw new AppError('CONNECTION_LOST', { where: 'the edge', problem: 'the stream ended early' });
  }
  return resumed({ open, mayReturn: (error, isLost) => mayReturn(error, isLost || run !== undefined), onLost, signal });
}

/** At the very first call an edge that is not there is an error; later it is one that will be back. */
const mayReturn = (error: AppError, wasThere: boolean): boolean => (isAbsent(error) ? wasThere : isCutOff(error));
