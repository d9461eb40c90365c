// The one place where an error becomes words on stderr and an exit code.
import { asCalled } from '../base/called-as.ts';
import { causeText, systemCodeOf } from '../base/cause-text.ts';
import { AppError } from '../base/errors.ts';
import { homeFolder, homePaths } from '../base/home.ts';
import { inertLine } from '../base/inert.ts';
import { toAppError } from '../contract/errors.ts';
import { argumentWords } from './argument-words.ts';
import { rolesOf, startedBy } from './home-health.ts';
import type { CliIo } from './io.ts';
import { Printer } from './output.ts';
import { readPairedBoxes } from './owners/paired-boxes.ts';

/** What to do next, for reasons whose own text does not say it. */
const HINTS: Readonly<Record<string, string>> = {
  SHARE_NO_MATCH:
    'patterns are relative to the folder you are in; only what the edge was given with --allow can be shared',
  UNAUTHENTICATED: 'is this the home of that control plane? see --home and BOWLINE_OWNER_KEY_FILE',
  DEVICE_OFFLINE: 'see: bowline devices ls',
  CONVERSATION_BUSY: 'see: bowline runs ls',
  PROVIDER_UNAVAILABLE: 'is its server running, and is the address right? see: bowline models ls',
  CONNECTION_LOST: 'see what happened with: bowline logs',
  CLOSED: 'it was stopped; once it is back, try again. See: bowline status',
  METHOD_UNKNOWN: 'see: bowline call --help',
  UNIMPLEMENTED: 'the other side is another version, or not Bowline',
};

/** Where the things are listed that can be missing. */
const LISTS: Readonly<Record<string, string>> = {
  device: 'see: bowline devices ls',
  run: 'see: bowline runs ls',
  conversation: 'see: bowline conversations ls',
  worker: 'see: bowline workers ls',
  key: 'see: bowline keys ls',
  approval: 'see: bowline approvals ls --all',
  grant: 'see: bowline grants ls',
  'paired key': 'see: bowline owners ls',
};

export interface ReportOptions {
  readonly home: string | undefined;
  /** Whether the caller reads JSON: then the error is one object on stdout, where the result would be. */
  readonly json: boolean;
}

/** Writes `error: what (REASON)`, the home that was tried and a hint; sets the exit code. */
export function reportError(error: unknown, io: CliIo, { home, json }: ReportOptions): void {
  const e = inWords(toAppError(systemRefused(error) ?? error));
  const tried = triedHome(io, home);
  const hint = hintFor(e, tried);
  if (json) {
    io.exit(e.exit);
    const told = (text: string | undefined) => (text === undefined ? null : asCalled(text, io.env));
    const { reason, exit: exitCode } = e;
    new Printer(io.stdout, io.env).json({ error: { reason, message: told(e.message), hint: told(hint), exitCode } });
    return;
  }
  const err = new Printer(io.stderr, io.env);
  // What was typed may mean several things: each has its line. Words of another side stay on one.
  const [what = '', ...each] = e.reason === 'USAGE' ? e.message.split('\n') : [e.message];
  err.raw(`${err.style('error:', 'red')} ${asCalled(inertLine(what), io.env)} (${inertLine(e.reason)})`);
  for (const line of each) err.raw(inertLine(line));
  io.exit(e.exit);
  if (e.reason === 'INTERNAL' && e.cause instanceof Error) err.line(`  cause: ${inertLine(String(e.cause))}`);
  if (hint) err.line(`  ${hint}`);
  if (e.reason !== 'USAGE' && tried && !e.message.includes(tried)) err.line(`  home: ${inertLine(tried)}`);
}

function hintFor({ reason, metadata }: AppError, home: string | undefined): string | undefined {
  if (reason === 'NOT_FOUND') return LISTS[metadata.kind ?? ''];
  if (reason !== 'NOT_RUNNING') return HINTS[reason];
  const roles = home === undefined ? [] : rolesOf(homePaths(home));
  const paired = home === undefined ? '' : boxesElsewhere(home);
  const isControl = URL.canParse(metadata.where ?? '');
  if ((roles.length > 0 || paired) && !roles.includes('control') && isControl)
    return 'the control plane does not run with this home: start it where it does';
  if (paired && !roles.includes('edge'))
    return `this home has no box: it is paired with ${inertLine(paired)}, for \`bowline approvals\` alone. Run this command there`;
  const start = startedBy(roles);
  return `start it with: ${start === 'bowline up' ? `${start} --allow FOLDER` : start}`;
}

/** Names of the boxes that this home answers for; empty for none, or where its file cannot be read. */
function boxesElsewhere(home: string): string {
  try {
    return readPairedBoxes(homePaths(home).paired)
      .map(({ deviceName }) => deviceName)
      .join(', ');
  } catch {
    return '';
  }
}

/** By the names of the command line, where a rule of the contract was broken. */
function inWords(error: AppError): AppError {
  if (error.reason !== 'INVALID_ARGUMENT') return error;
  const what = argumentWords(error.message);
  return what === error.message ? error : new AppError('INVALID_ARGUMENT', { what }, { cause: error });
}

/** What the system refused, e.g. a file of another user: no fault of this program. */
function systemRefused(error: unknown): AppError | undefined {
  const isSystem = error instanceof Error && 'syscall' in error && systemCodeOf(error) !== '';
  return isSystem ? new AppError('SYSTEM_REFUSED', { problem: causeText(error) }, { cause: error }) : undefined;
}

/** Undefined for a user who has none. */
function triedHome(io: CliIo, home: string | undefined): string | undefined {
  try {
    return homeFolder(home, io.env);
  } catch {
    return undefined;
  }
}
