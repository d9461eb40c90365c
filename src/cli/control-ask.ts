// One ask over the public API: streams its run, asks again with the same id when the connection breaks, so that nothing is asked
// twice, and turns Ctrl-C into cancel and then leave.
import { create } from '@bufbuild/protobuf';
import {
  type AskResponse,
  type AskRequest as ControlAskRequest,
  RunService,
} from '../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { EndedSchema } from '../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { firstStop } from '../contract/condition.ts';
import { messageOf, watchInterrupts } from './ask-interrupts.ts';
import { newAskResult } from './ask-result.ts';
import { isAbsent, type Side } from './client.ts';
import type { CliIo } from './io.ts';
import { type FactsOfBox, filledRunEvents } from './known-facts.ts';
import { LATE, leaveAfter } from './leave-after.ts';
import { resumed } from './resumed.ts';
import type { RunPrinter } from './run-printer.ts';

/** After this long without a word, it is asked why. */
const QUIET_MS = 3_000;

/** Tells once what stands in the way of answers, where something does. */
function whileQuiet(control: Side, tell: (why: string) => void): () => void {
  let over = false;
  const look = async () => {
    const { conditions } = await control.client(StatusService).getStatus({}, { timeoutMs: QUIET_MS });
    const stop = firstStop(conditions);
    if (stop && !over) tell(stop.message);
  };
  const timer = setTimeout(() => void look().catch(() => {}), QUIET_MS);
  return () => {
    over = true;
    clearTimeout(timer);
  };
}

export interface AskControlOptions {
  readonly control: Side;
  readonly request: ControlAskRequest;
  readonly printer: RunPrinter;
  readonly facts: FactsOfBox;
  readonly onInterrupt: CliIo['onInterrupt'];
  /** How long it is waited for, in milliseconds; false: only until it is recorded. Default: until it ends. */
  readonly wait: number | false | undefined;
}

/** Throws what the control plane refused with, before anything was recorded. */
export async function askControl({ control, request, printer, facts, onInterrupt, wait }: AskControlOptions) {
  const runs = control.client(RunService);
  const leave = new AbortController();
  const result = newAskResult(request.conversation);
  const { jobs } = result;
  const isKnown = () => result.run !== '';
  const interrupts = watchInterrupts({
    onInterrupt,
    printer,
    isKnown,
    dropped: false,
    cancel: (signal) => runs.cancelRun({ id: result.run, requestId: newId() }, { signal }),
    leave,
  });
  const stopLooking = whileQuiet(control, (why) => {
    result.waitsFor = why;
    printer.note(`waiting: ${why}`, 'yellow');
  });
  const waited = leaveAfter({ wait, leave, isKnown, onLate: () => printer.status(LATE) });
  const receive = ({ event }: Pick<AskResponse, 'event'>) => {
    if (event.case === 'job') {
      jobs.set(event.value.id, event.value);
      printer.job(event.value);
    } else if (event.case === 'text') printer.text(event.value);
    else if (event.case === 'run') {
      const { id, conversation, outcome } = event.value;
      const isFirst = result.run === '';
      Object.assign(result, { run: id, conversation, sent: true });
      if (outcome) result.ended = create(EndedSchema, { outcome });
      if (!isFirst) return;
      interrupts.known();
      waited.known();
    }
  };
  printer.begin();
  try {
    const responses = resumed({
      open: () => runs.ask(request, { signal: leave.signal }),
      mayReturn: (error, isLost) => error.reason === 'CONNECTION_LOST' || (isAbsent(error) && isLost),
      onLost: () => printer.status('the control plane went away; waiting for it to come back'),
      signal: leave.signal,
    });
    for await (const response of filledRunEvents(facts, responses)) {
      stopLooking();
      receive(response);
      if (result.ended || (wait === false && result.run !== '')) break;
    }
  } catch (error) {
    // What was recorded is not lost with the connection.
    if (result.run === '') throw error;
    printer.note(messageOf(error), 'red');
  } finally {
    interrupts.stop();
    waited.stop();
    stopLooking();
    leave.abort();
    if (!result.ended) printer.flush();
  }
  if (result.run === '') {
    if (leave.signal.reason instanceof AppError) throw leave.signal.reason;
    throw new AppError('CANCELED', {}, { message: 'cancelled before it was recorded' });
  }
  return result;
}
