// Ctrl-C while an ask is under way. Before its run is known, the first one gives it up, or cancels it as soon as it is known. After that the
// first one cancels, and the second leaves it running.
import { causeText } from '../base/cause-text.ts';
import type { CliIo } from './io.ts';
import type { RunPrinter } from './run-printer.ts';

export interface AskInterruptsParts {
  readonly onInterrupt: CliIo['onInterrupt'];
  readonly printer: RunPrinter;
  /** Whether the run is known by now. */
  readonly isKnown: () => boolean;
  /** Whether the other side drops an ask that it has not accepted when its caller goes. */
  readonly dropped: boolean;
  readonly cancel: (signal: AbortSignal) => Promise<unknown>;
  /** Aborted to leave. */
  readonly leave: AbortController;
}

export interface AskInterrupts {
  /** The run is known from now on. */
  known(): void;
  stop(): void;
}

export function watchInterrupts(parts: AskInterruptsParts): AskInterrupts {
  const { onInterrupt, printer, isKnown, dropped, cancel, leave } = parts;
  let interrupts = 0;
  const cancelRun = () => {
    printer.urgent('cancelling; Ctrl-C again leaves it running');
    cancel(leave.signal).catch((error: unknown) => {
      if (!leave.signal.aborted) printer.urgent(`the cancel failed: ${messageOf(error)}`, 'red');
    });
  };
  const stop = onInterrupt(() => {
    interrupts += 1;
    if (interrupts > 1) leave.abort();
    else if (isKnown()) cancelRun();
    else if (dropped) {
      printer.urgent('cancelling');
      leave.abort();
    } else printer.urgent('cancelling as soon as it is recorded; Ctrl-C again leaves it running');
  });
  return {
    known: () => {
      if (interrupts === 1) cancelRun();
    },
    stop,
  };
}

/** What is told of an error after which the run goes on. */
export const messageOf = (error: unknown): string => causeText(error);
