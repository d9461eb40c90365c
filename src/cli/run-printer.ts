// Shows a run as it goes on, for people: the answer on stdout, everything else on stderr. On a terminal what happens now is one line
// that vanishes; elsewhere nothing is said of it but why no answer comes. Knows no server.
import type { ModelInfo } from '../../gen/bowline/common/v1/common_pb.ts';
import type { Shared, Waiting } from '../../gen/bowline/local/v1/local_pb.ts';
import {
  type Job,
  JobState,
  type Outcome,
  RunState,
  RunStateSchema,
  SinceAdded,
  type Source,
  type TextChunk,
} from '../../gen/bowline/run/v1/run_pb.ts';
import { inertLine } from '../base/inert.ts';
import { shellQuote } from '../base/shell-quote.ts';
import { fromFailure } from '../contract/errors.ts';
import { doingText, isOver, jobLine } from './job-text.ts';
import { leftOutLines } from './left-out-text.ts';
import { type LinkText, noLink } from './links.ts';
import type { LiveLine } from './live-line.ts';
import type { Printer, Style } from './output.ts';
import { enumText } from './plain.ts';
import { TextStream } from './text-stream.ts';
import { tierLines } from './tier-text.ts';
import { bytesText, countText } from './units.ts';

export interface RunPrinterOptions {
  /** Whether each job is told as a line. */
  readonly verbose?: boolean | undefined;
  /** Where what happens now is shown; absent where there is no terminal, or nothing is to be shown. */
  readonly live?: LiveLine | undefined;
}

/** A line about what stayed on the box; `quoted` when something of elsewhere is in it. */
export interface StayedLine {
  readonly text: string;
  readonly style?: Style;
  readonly quoted?: boolean;
}

/** What is said behind an answer. */
export interface Closing {
  /** What stayed on the box, and how to share it. */
  readonly stayed?: readonly StayedLine[];
  readonly link?: LinkText;
  /** The path on this machine of a source, where there is one. */
  readonly pathOf?: (source: Source) => string | undefined;
  /** Whether the reader knows already which model answers. */
  readonly modelIsKnown?: boolean;
}

export class RunPrinter {
  readonly #out: Printer;
  readonly #err: Printer;
  readonly #verbose: boolean;
  readonly #live: LiveLine | undefined;
  readonly #text = new TextStream();
  readonly #jobs = new Map<string, string>();
  readonly #running = new Map<string, Job>();
  /** Lines that came within a line of the answer, where both outputs may be the same file or terminal. */
  #held: (() => void)[] = [];
  /** What was last said of why no answer comes. */
  #status = '';
  /** Whether the cursor stands behind streamed text. */
  #open = false;
  #shared: Shared | undefined;

  constructor(out: Printer, err: Printer, { verbose = false, live }: RunPrinterOptions = {}) {
    this.#out = out;
    this.#err = err;
    this.#verbose = verbose;
    this.#live = verbose ? undefined : live;
  }

  /** From now on it is shown that something happens. */
  begin(): void {
    this.#show('asking');
  }

  shared(shared: Shared): void {
    this.#shared = shared;
    if (this.#verbose) this.note(sharedText(shared));
    else this.#show(sharedText(shared));
  }

  /** Who answers a sensitive ask: said before anything else. */
  answeredBy(who: string): void {
    this.note(`sensitive: answered by ${who}; nothing of it leaves`, 'dim');
  }

  waiting({ what, sent, approval }: Waiting): void {
    const prefix = approval ? 'waiting for your approval' : sent ? 'waiting' : 'waiting, not sent yet';
    this.status(`${prefix}: ${what}`);
  }

  /** Why no answer comes yet; the same again is not repeated, nor where only its figures are others. */
  status(line: string): void {
    if (this.#live) {
      this.#show(line);
      return;
    }
    const about = line.replaceAll(/\d+/g, '0');
    if (about === this.#status) return;
    this.#status = about;
    this.note(line, 'yellow');
  }

  /** What is done now; in full, one line when a job starts or ends. What it waits for is told by `waiting`. */
  job(job: Job): void {
    if (job.state === JobState.QUEUED) return;
    if (isOver(job.state)) this.#running.delete(job.id);
    else this.#running.set(job.id, job);
    if (this.#verbose) this.#jobLine(job);
    const now = [...this.#running.values()].at(-1);
    this.#show(now ? doingText(now) : 'thinking');
  }

  #jobLine(job: Job): void {
    const line = jobLine(job);
    const { done = 0n, total = 0n, note = '' } = job.progress ?? {};
    const tenths = total > 0n ? (done * 10n) / total : 0n;
    const state = `${job.state}/${job.attempts}/${job.target}/${tenths}/${note}`;
    if (this.#jobs.get(job.id) === state) return;
    this.#jobs.set(job.id, state);
    this.note(line, styleOf(job.state));
  }

  text(chunk: TextChunk): void {
    const piece = this.#text.add(chunk);
    if (piece === '') return;
    this.#live?.hide();
    this.#out.text(piece);
    this.#open = !piece.endsWith('\n');
    if (!this.#open) this.#putHeld();
  }

  /** What is missing of the answer, and what is said behind it. */
  outcome(outcome: Outcome, closing: Closing = {}): void {
    this.answer(outcome);
    this.closing(outcome, closing);
  }

  /** What is missing of the answer. */
  answer(outcome: Outcome): void {
    this.#live?.hide();
    const rest = this.#text.end(outcome.answer);
    // A note may have ended the line already.
    if (rest !== '\n' || this.#open) this.#out.text(rest);
    this.#open = false;
    this.flush();
    // Jobs that were over before anyone could watch them.
    if (this.#verbose) for (const job of outcome.jobs) this.#jobLine(job);
  }

  /** Its sources, what stayed on the box, how it ended where that is not the usual, and who answered. */
  closing(outcome: Outcome, { stayed = [], link = noLink, pathOf, modelIsKnown = false }: Closing = {}): void {
    if (outcome.sources.length > 0) {
      this.#out.line();
      this.#out.line('sources:');
      for (const source of outcome.sources)
        this.#out.raw(`  ${link(sourceText(source), source.url || pathOf?.(source))}`);
    }
    for (const line of fates(outcome.sources)) this.note(line, 'yellow');
    for (const { collection, problem } of outcome.leftOut)
      this.note(`not looked into: the collection ${collection}: ${problem}`, 'yellow');
    if (outcome.state !== RunState.ANSWERED) this.note(endText(outcome), 'red');
    else if (outcome.failure) this.note(`partial: ${failureText(outcome)}`, 'yellow');
    this.#leftOut();
    for (const { text, style, quoted } of stayed) this.note(text, style, quoted);
    const shared = this.#shared && this.#shared.paths.length > 0 && !this.#verbose ? sharedText(this.#shared) : '';
    if (shared) this.note(shared, 'dim');
    for (const line of tierLines(outcome)) this.note(line, 'dim');
    const tier = outcome.tier ? `, tier ${outcome.tier}` : '';
    if (outcome.model && !modelIsKnown) this.note(`answered by ${modelText(outcome.model)}${tier}`, 'dim');
  }

  /** What was meant to be shared and is not, or may not be read as it was written. */
  #leftOut(): void {
    const { leftOut = [], moreLeftOut: more = 0, masked = 0 } = this.#shared ?? {};
    const lines = leftOutLines(leftOut, { not: 'not shared', more, verbose: this.#verbose });
    for (const line of lines) this.note(line, 'red');
    for (const { path, problem } of this.#shared?.doubtful ?? []) this.note(`${path}: ${problem}`, 'yellow');
    if (masked > 0)
      this.note(
        `${countText(masked, 'value')} in what is shared ${masked === 1 ? 'looks' : 'look'} like a secret, told as *** at most; --share-secrets shares ${masked === 1 ? 'it' : 'them'}`,
        'yellow',
      );
  }

  /** Ends the line of the answer where one is begun, takes what vanishes away, and writes what was held back. */
  flush(): void {
    this.#live?.hide();
    if (this.#open) this.#out.line();
    this.#open = false;
    this.#putHeld();
  }

  /** A line on stderr; within a line of the answer it waits for its end. */
  note(line: string, style?: Style, quoted = false): void {
    const put = () => {
      this.#live?.hide();
      if (quoted) this.#err.quoted(inertLine(line), style);
      else this.#err.line(inertLine(line), style);
    };
    // Where one of them is a terminal and the other is not, they are no neighbours.
    if (this.#open && this.#out.isTTY === this.#err.isTTY) this.#held.push(put);
    else put();
  }

  /** A line that someone at the terminal waits for: it ends the line of the answer there. */
  urgent(line: string, style?: Style): void {
    if (this.#out.isTTY && this.#err.isTTY) this.flush();
    this.note(line, style);
  }

  #putHeld(): void {
    for (const put of this.#held.splice(0)) put();
  }

  /** Not while a line of the answer is begun: it would stand behind it. */
  #show(text: string): void {
    if (!this.#open || !this.#out.isTTY) this.#live?.show(text);
  }
}

/** `shared for this run: 1 file, 94 bytes, with rules (local)`. */
function sharedText({ paths, bytes, recipients }: Shared): string {
  const to = recipients.length > 0 ? recipients.join(', ') : 'nobody';
  return `shared for this run: ${countText(paths.length, 'file')}, ${bytesText(bytes)}, with ${to}`;
}

/** `docs/a.md:3-5 (collection notes)`. */
function sourceText({ path, startLine, endLine, page, collection, url }: Source): string {
  const lines = startLine === 0 ? '' : endLine > startLine ? `:${startLine}-${endLine}` : `:${startLine}`;
  const where = `${path || url}${lines}${page > 0 ? `, page ${page}` : ''}`;
  return collection ? `${where} (collection ${collection})` : where;
}

/** Documents whose files are no longer what the collection holds, each once, with what to do. */
function fates(sources: readonly Source[]): string[] {
  const lines = sources.flatMap(({ path, collection, sinceAdded }) => {
    const [to, name] = [shellQuote(collection), shellQuote(path)];
    if (sinceAdded === SinceAdded.CHANGED)
      return [`${path} changed since it was added: \`bowline docs add ${name} --to ${to}\` adds it anew`];
    if (sinceAdded === SinceAdded.GONE)
      return [`${path} is no longer on this box: \`bowline docs rm ${to} ${name}\` takes it out`];
    return [];
  });
  return [...new Set(lines)];
}

/** `rules (local): a small deterministic model`. */
export function modelText({ provider, name, local, note }: ModelInfo): string {
  const what = name && name !== provider ? `${provider} ${name}` : provider;
  return `${what}${local ? ' (local)' : ''}${note ? `: ${note}` : ''}`;
}

/** `refused: too much (LIMIT_EXCEEDED)`; not `cancelled: canceled`. */
const endText = (outcome: Outcome): string => {
  const state = enumText(RunStateSchema, outcome.state).replaceAll('_', ' ');
  const says = outcome.failure && SAYS[outcome.failure.reason] !== outcome.state;
  return says ? `${state}: ${failureText(outcome)}` : state;
};

/** Reasons that say no more than the state does. */
const SAYS: Readonly<Record<string, RunState>> = { CANCELED: RunState.CANCELLED };

function failureText({ failure }: Outcome): string {
  if (!failure) return '';
  const { message, reason } = fromFailure(failure);
  return `${message} (${reason})`;
}

function styleOf(state: JobState): Style | undefined {
  if (state === JobState.DONE) return 'green';
  if (state === JobState.FAILED || state === JobState.UNKNOWN) return 'red';
  return state === JobState.RETRYING || state === JobState.APPROVAL ? 'yellow' : 'dim';
}
