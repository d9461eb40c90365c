// A conversation at the keyboard: asks, commands that begin with `/`, and the offer to share what was withheld.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { AskRequestSchema } from '../../gen/bowline/local/v1/local_pb.ts';
import type { Egress } from '../../gen/bowline/run/v1/run_pb.ts';
import { newId } from '../base/ids.ts';
import { inertLine } from '../base/inert.ts';
import { toAppError } from '../contract/errors.ts';
import type { AskResult } from './ask-result.ts';
import type { Side } from './client.ts';
import { leftOpen, rootsOf } from './closing.ts';
import { egressName } from './egress-text.ts';
import type { CliIo } from './io.ts';
import type { LineReader } from './line-reader.ts';
import type { Printer } from './output.ts';
import { runAsk } from './run-ask.ts';
import { jobLine, RunPrinter } from './run-printer.ts';
import { parseShare } from './shares.ts';
import { bytesText } from './units.ts';
import { sharesFor, withheldSummary } from './withheld-text.ts';

const HELP = `  /share GLOB  share matching files for this and the following asks (path#L10-L40 for lines)
  /unshare     share nothing any more
  /jobs        the jobs of the last answer
  /egress      what left the box for it
  /new         begin a new conversation
  /quit        end`;

/** The most that the contract takes. */
const MAX_SHARES = 64;

export interface ChatOptions {
  readonly io: CliIo;
  readonly edge: Side;
  readonly lines: LineReader;
  readonly out: Printer;
  readonly err: Printer;
  readonly conversation: string;
  readonly shares: readonly string[];
  /** How long an ask may live, and how long it is waited for. */
  readonly timeoutMs: number | undefined;
  readonly waitMs: number | undefined;
}

export class ChatSession {
  readonly #options: ChatOptions;
  #conversation: string;
  /** `--share` values for all following asks. */
  #shares: string[];
  #last: AskResult | undefined;

  constructor(options: ChatOptions) {
    this.#options = options;
    this.#conversation = options.conversation;
    this.#shares = [...options.shares];
  }

  /** Until the end of the input or `/quit`. */
  async run(): Promise<void> {
    let line = await this.#read('> ');
    while (line !== undefined) {
      const text = line.trim();
      if (text === '/quit' || text === '/exit') return;
      try {
        if (text.startsWith('/')) this.#options.err.line(this.#command(text));
        else if (text !== '') await this.#askAndOffer(text);
      } catch (error) {
        const { message, reason } = toAppError(error);
        this.#options.err.line(`error: ${inertLine(message)} (${reason})`, 'red');
      }
      line = await this.#read('> ');
    }
  }

  #read(prompt: string): Promise<string | undefined> {
    return this.#options.lines.next(prompt);
  }

  /** Asks, and again with what the owner then shares. */
  async #askAndOffer(text: string): Promise<void> {
    let shares = this.#shares;
    for (;;) {
      const result = await this.#ask(text, shares);
      const missing = await this.#missing(result, shares);
      if (missing.length === 0) return;
      const reply = await this.#offer(missing);
      if (reply === 'no') return;
      shares = [...shares, ...missing];
      if (reply === 'run') this.#shares = shares;
    }
  }

  async #ask(text: string, shares: readonly string[]): Promise<AskResult> {
    const { io, edge, lines, out, err, timeoutMs, waitMs } = this.#options;
    const printer = new RunPrinter(out, err);
    const result = await runAsk({
      edge,
      printer,
      onInterrupt: lines.onInterrupt,
      request: create(AskRequestSchema, {
        text,
        conversation: this.#conversation,
        shares: shares.map((share) => parseShare(share, io)),
        requestId: newId(),
        ...(timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutMs) }),
      }),
      timeoutMs,
      wait: waitMs,
    });
    this.#conversation = result.conversation;
    this.#last = result;
    const outcome = result.ended?.outcome;
    if (outcome) printer.outcome(outcome);
    else leftOpen(err, result);
    return result;
  }

  /** `--share` values that were not given yet and would grant what was withheld. */
  async #missing({ ended }: AskResult, shares: readonly string[]): Promise<string[]> {
    const withheld = ended?.outcome?.withheld ?? [];
    if (withheld.length === 0) return [];
    const { io, edge, err } = this.#options;
    for (const line of withheldSummary(withheld)) err.line(line, 'yellow');
    const wanted = sharesFor(withheld, await rootsOf(edge), io.cwd);
    return wanted.filter((share) => !shares.includes(share)).slice(0, MAX_SHARES - shares.length);
  }

  /** Until the owner has decided: what is no answer to this is asked again, and is never taken for a question. */
  async #offer(shares: readonly string[]): Promise<'once' | 'run' | 'no'> {
    const { err } = this.#options;
    err.line(`share ${shares.map(inertLine).join(', ')} and ask again?`);
    err.line('  [o]nce, this [r]un and the following asks, [n]o');
    for (;;) {
      const line = await this.#read('share? [o/r/N] ');
      const reply = line === undefined ? 'no' : REPLIES.get(line.trim().toLowerCase());
      if (reply) return reply;
      err.line('please answer o, r or n; nothing is shared until you do');
    }
  }

  /** Does what a `/` command says; returns what to say. */
  #command(text: string): string {
    const space = /\s/.exec(text)?.index ?? text.length;
    const [name, rest] = [text.slice(1, space), text.slice(space).trim()];
    switch (name) {
      case 'share':
        if (rest !== '') this.#shareFromNowOn(rest);
        return this.#shares.length > 0 ? `sharing from now on: ${this.#shares.join(', ')}` : 'sharing nothing';
      case 'unshare':
        this.#shares = [];
        return 'sharing nothing';
      case 'jobs':
        return listed('no jobs yet', this.#last?.ended?.outcome?.jobs.map(jobLine));
      case 'egress':
        return listed('nothing left the box', this.#last?.ended?.egress.map(egressLine));
      case 'new':
        this.#conversation = '';
        return 'a new conversation';
      case 'help':
        return HELP;
      default:
        return `there is no /${name}; there are:\n${HELP}`;
    }
  }

  /** A mistake is told now, not with the next ask. */
  #shareFromNowOn(value: string): void {
    const share = /^(['"])(.*)\1$/.exec(value)?.[2] ?? value;
    parseShare(share, this.#options.io);
    this.#shares = [...this.#shares, share].slice(-MAX_SHARES);
  }
}

const REPLIES: ReadonlyMap<string, 'once' | 'run' | 'no'> = new Map([
  ['o', 'once'],
  ['once', 'once'],
  ['r', 'run'],
  ['run', 'run'],
  ['', 'no'],
  ['n', 'no'],
  ['no', 'no'],
]);

const egressLine = (entry: Egress): string =>
  `  ${egressName(entry)}  ${entry.field}  ${bytesText(entry.bytes)}  ${entry.grant || '-'}`;

const listed = (none: string, lines: readonly string[] | undefined): string =>
  lines && lines.length > 0 ? lines.map(inertLine).join('\n') : none;
