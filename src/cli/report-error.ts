// The one place where an error becomes words on stderr and an exit code.
import { type AppError, ERRORS, isReason } from '../base/errors.ts';
import { homeFolder } from '../base/home.ts';
import { toAppError } from '../contract/errors.ts';
import { inertLine } from './inert.ts';
import type { CliIo } from './io.ts';
import { Printer } from './output.ts';

/** What to do next, for reasons whose own text does not say it. */
const HINTS: Readonly<Record<string, string>> = {
  SHARE_NO_MATCH:
    'patterns are relative to the folder you are in; only what the edge was given with --allow can be shared',
  UNAUTHENTICATED: 'is this the home of that control plane? see --home and BOWLINE_OWNER_KEY_FILE',
  NOT_RUNNING: 'start it with: bowline up --allow FOLDER',
  CONNECTION_LOST: 'see what happened with: bowline logs',
  METHOD_UNKNOWN: 'see: bowline call --help',
  UNIMPLEMENTED: 'the other side is another version, or not Bowline',
};

/** Writes `error: what (REASON)`, the home that was tried and a hint; sets the exit code. */
export function reportError(error: unknown, io: CliIo, home: string | undefined): void {
  const e = toAppError(error);
  const err = new Printer(io.stderr, io.env);
  err.raw(`${err.style('error:', 'red')} ${inertLine(e.message)} (${inertLine(e.reason)})`);
  io.exit(exitOf(e));
  if (e.reason === 'INTERNAL' && e.cause instanceof Error) err.line(`  cause: ${inertLine(String(e.cause))}`);
  const hint = HINTS[e.reason];
  if (hint) err.line(`  ${hint}`);
  const tried = homeFolder(home, io.env);
  if (e.reason !== 'USAGE' && !e.message.includes(tried)) err.line(`  home: ${tried}`);
}

/** The table's exit code, also for an error that came over the wire without it. */
function exitOf(error: AppError): number {
  const row: { exit?: number } | undefined = isReason(error.reason) ? ERRORS[error.reason] : undefined;
  return row?.exit ?? error.exit;
}
