// One ask over the public API: streams its run, asks again with the same id when the connection breaks, so that nothing is asked
// twice, and turns Ctrl-C into cancel and then leave.
import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import {
  type AskResponse,
  type AskRequest as ControlAskRequest,
  RunService,
} from '../../gen/bowline/control/v1/run_service_pb.ts';
import { EndedSchema } from '../../gen/bowline/local/v1/local_pb.ts';
import type { Job } from '../../gen/bowline/run/v1/run_pb.ts';
import { fullJitter } from '../base/backoff.ts';
import { AppError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { AskResult } from './ask-result.ts';
import type { Side } from './client.ts';
import type { CliIo } from './io.ts';
import type { RunPrinter } from './run-printer.ts';

/** How long a control plane that went away is waited for. */
const PATIENCE_MS = 60_000;

export interface AskControlOptions {
  readonly control: Side;
  readonly request: ControlAskRequest;
  readonly printer: RunPrinter;
  readonly onInterrupt: CliIo['onInterrupt'];
  /** Leave as soon as the run is recorded. */
  readonly noWait: boolean;
}

/** Throws what the control plane refused with, before anything was recorded. */
export async function askControl({ control, request, printer, onInterrupt, noWait }: AskControlOptions) {
  const runs = control.client(RunService);
  const leave = new AbortController();
  const jobs = new Map<string, Job>();
  const conversation = request.conversation;
  const result: AskResult = {
    run: '',
    conversation,
    jobs,
    shared: undefined,
    ended: undefined,
    sent: false,
    approval: false,
    late: false,
  };
  let interrupts = 0;
  const cancel = () => {
    printer.note('cancelling; Ctrl-C again leaves it running');
    const cancelled = runs.cancelRun({ id: result.run, requestId: newId() }, { signal: leave.signal });
    cancelled.catch(
      (error: unknown) => leave.signal.aborted || printer.note(`the cancel failed: ${textOf(error)}`, 'red'),
    );
  };
  const stop = onInterrupt(() => {
    interrupts += 1;
    if (interrupts > 1) leave.abort();
    else if (result.run) cancel();
  });
  const receive = ({ event }: AskResponse) => {
    if (event.case === 'job') {
      jobs.set(event.value.id, event.value);
      printer.job(event.value);
    } else if (event.case === 'text') printer.text(event.value);
    else if (event.case === 'run') {
      const { id, conversation, outcome } = event.value;
      const isFirst = result.run === '';
      Object.assign(result, { run: id, conversation, sent: true });
      if (outcome) result.ended = create(EndedSchema, { outcome });
      if (isFirst && interrupts === 1) cancel();
    }
  };
  try {
    await streamed(() => runs.ask(request, { signal: leave.signal }), receive, {
      over: () => result.ended !== undefined || (noWait && result.run !== ''),
      signal: leave.signal,
      lost: () => printer.note('the control plane went away; waiting for it to come back', 'yellow'),
    });
  } catch (error) {
    // What was recorded is not lost with the connection.
    if (result.run === '') throw error;
    printer.note(textOf(error), 'red');
  } finally {
    stop();
    leave.abort();
  }
  if (!result.ended) printer.flush();
  if (result.run === '') throw new AppError('CANCELED', {}, { message: 'cancelled before it was recorded' });
  return result;
}

/** Reads until it is over, and begins again where the connection broke. */
async function streamed(
  ask: () => AsyncIterable<AskResponse>,
  receive: (response: AskResponse) => void,
  { over, signal, lost }: { over: () => boolean; signal: AbortSignal; lost: () => void },
): Promise<void> {
  let lostAt: number | undefined;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      for await (const response of ask()) {
        lostAt = undefined;
        attempt = 1;
        receive(response);
        if (over()) return;
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      const gone =
        error instanceof AppError &&
        (error.reason === 'CONNECTION_LOST' || (error.reason === 'NOT_RUNNING' && lostAt !== undefined));
      if (!gone) throw error;
      if (lostAt === undefined) lost();
      lostAt ??= performance.now();
      if (performance.now() - lostAt > PATIENCE_MS) throw error;
    }
    await delay(fullJitter(attempt, 200, 3_000), undefined, { signal }).catch(() => {});
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
