// Prints what an ask over the control plane came to, and sets the exit code.
import { type AskResult, askJson, exitOfAsk } from './ask-result.ts';
import type { CliIo } from './io.ts';
import type { Printer } from './output.ts';
import type { RunPrinter } from './run-printer.ts';

/** What `runs ask` was told of how to print. */
export interface ShowAskOptions {
  readonly json?: boolean;
  /** Milliseconds; false: not at all. */
  readonly wait?: number | false;
}

export function showAsk(
  io: CliIo,
  { out, printer }: { readonly out: Printer; readonly printer: RunPrinter },
  result: AskResult,
  { json, wait }: ShowAskOptions,
): void {
  io.exit(exitOfAsk(result));
  const outcome = result.ended?.outcome;
  if (json) {
    printer.flush();
    out.json(askJson(result));
  } else if (outcome) printer.outcome(outcome);
  else if (wait === false) out.line(result.run);
}
