// A conversation at the keyboard: asks, commands that begin with `/`, and the offer to share what was withheld.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { AskRequestSchema, type GetStatusResponse, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { newId } from '../base/ids.ts';
import { inertLine } from '../base/inert.ts';
import { toAppError } from '../contract/errors.ts';
import { askedThere } from './approvals/asked-approvals.ts';
import { type AskResult, notAskedBefore } from './ask-result.ts';
import type { Side } from './client.ts';
import { leftOpen, pathOfSource, statusOf } from './closing.ts';
import { egressLines } from './egress-text.ts';
import type { CliIo } from './io.ts';
import { jobLine } from './job-text.ts';
import type { LineReader } from './line-reader.ts';
import { linksOf } from './links.ts';
import { liveLine } from './live-line.ts';
import { namingMissing } from './missing-path.ts';
import { offeredShares } from './offered-shares.ts';
import type { Printer } from './output.ts';
import { canPick, MAX_SHARES, pickShares } from './pick-shares.ts';
import { runAsk } from './run-ask.ts';
import { modelText, RunPrinter } from './run-printer.ts';
import { parseShare } from './shares.ts';
import { bytesText, countText } from './units.ts';
import { sharesFor, withheldSummary } from './withheld-text.ts';

const HELP = `  /share GLOB  share matching files for this and the following asks (path#L10-L40 for lines)
  /unshare     share nothing any more
  /jobs        the jobs of the last answer
  /egress      what left the box for it
  /new         begin a new conversation; after a sensitive one it is sensitive, too
  /sensitive   begin one that is answered on this box alone
  /quit        end; so do /exit, and exit, quit or 退出 alone`;

/** Lines that end a chat. A word counts alone only: a question that begins with it is asked. */
const LEAVES: ReadonlySet<string> = new Set(['/quit', '/exit', 'quit', 'exit', '退出']);

/** Names that the offer lists where the others can be looked at. */
const MOST_OFFERED = 10;

export interface ChatOptions {
  readonly io: CliIo;
  readonly edge: Side;
  readonly lines: LineReader;
  readonly out: Printer;
  readonly err: Printer;
  readonly conversation: string;
  readonly shares: readonly string[];
  /** Collections that every ask searches; empty: all that the model may see. */
  readonly collections: readonly string[];
  readonly noCollections: boolean;
  /** Whether it begins as one that is answered on the box alone, as one with its id does. */
  readonly sensitive: boolean;
  /** How long an ask may live, and how long it is waited for. */
  readonly timeoutMs: number | undefined;
  readonly waitMs: number | undefined;
  /** The model that was told at the begin. */
  readonly model: string;
}

export class ChatSession {
  readonly #options: ChatOptions;
  #conversation: string;
  /** Once it is, it stays so: what was meant for the box alone never goes on elsewhere. */
  #sensitive: boolean;
  /** `--share` values for all following asks. */
  #shares: string[];
  #last: AskResult | undefined;
  /** The model that was told last. */
  #model: string;

  constructor(options: ChatOptions) {
    this.#options = options;
    this.#conversation = options.conversation;
    this.#sensitive = options.sensitive;
    this.#shares = [...options.shares];
    this.#model = options.model;
  }

  /** Until the end of the input or `/quit`. */
  async run(): Promise<void> {
    let line = await this.#read('> ');
    while (line !== undefined) {
      const text = line.trim();
      if (LEAVES.has(text.toLowerCase())) {
        if (!text.startsWith('/')) this.#options.err.line('left the chat', 'dim');
        return;
      }
      try {
        if (text.startsWith('/')) this.#options.err.line(await this.#command(text));
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
      const missing = result.filter((share) => !shares.includes(share)).slice(0, MAX_SHARES - shares.length);
      if (missing.length === 0) return;
      const reply = await this.#offer(missing);
      const given = reply === 'choose' ? await this.#chosenOf(missing) : reply === 'no' ? [] : missing;
      if (given.length === 0) return;
      shares = [...shares, ...given];
      if (reply === 'run') this.#shares = shares;
    }
  }

  /** Returns the `--share` values that would grant what was withheld. */
  async #ask(text: string, shares: readonly string[]): Promise<string[]> {
    const { io, edge, lines, out, err, timeoutMs, waitMs, collections, noCollections } = this.#options;
    const printer = new RunPrinter(out, err, { live: liveLine(io) });
    const asked = askedThere(io, false, (use) => lines.aside(use));
    const result = await runAsk({
      edge,
      printer,
      onInterrupt: lines.onInterrupt,
      asked,
      request: create(AskRequestSchema, {
        text,
        conversation: this.#conversation,
        sensitive: this.#sensitive,
        shares: this.#sensitive ? [] : shares.map((share) => parseShare(share, io)),
        requestId: newId(),
        collections: this.#sensitive ? [] : [...collections],
        noCollections,
        asksToShare: asked !== undefined,
        ...(timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutMs) }),
      }),
      timeoutMs,
      wait: waitMs,
    });
    this.#conversation = result.conversation;
    this.#last = result;
    const outcome = result.ended?.outcome;
    if (!outcome) {
      leftOpen(err, result);
      return [];
    }
    printer.answer(outcome);
    const status = await statusOf(edge);
    const model = outcome.model ? modelText(outcome.model) : '';
    printer.closing(outcome, {
      stayed: withheldSummary(outcome.withheld).map((line) => ({ text: line, style: 'yellow' })),
      link: await linksOf(io.stdout, io.env),
      pathOf: pathOfSource(status),
      modelIsKnown: model === this.#model,
    });
    this.#model = model || this.#model;
    const { shares: offered, limits } = await offeredShares(
      edge,
      io,
      sharesFor(notAskedBefore(result, outcome.withheld), status.roots, io.cwd),
      { text, shared: result.shared?.paths ?? [] },
    );
    for (const limit of limits) err.line(limit, 'yellow');
    return [...offered];
  }

  /** Until the owner has decided: what is no answer to this is asked again, and is never taken for a question. */
  async #offer(shares: readonly string[]): Promise<'once' | 'run' | 'choose' | 'no'> {
    const { err, io } = this.#options;
    const choice = canPick(io);
    const named = choice ? shares.slice(0, MOST_OFFERED) : shares;
    const more = named.length < shares.length ? ` and ${shares.length - named.length} more` : '';
    err.line(`share ${named.map(inertLine).join(', ')}${more} and ask again?`);
    err.line(`  [o]nce, this [r]un and the following asks, ${choice ? '[s] choose, ' : ''}[n]o`);
    const letters = choice ? 'o, r, s or n' : 'o, r or n';
    for (;;) {
      const line = await this.#read(choice ? 'share? [o/r/s/N] ' : 'share? [o/r/N] ');
      const reply = line === undefined ? 'no' : REPLIES.get(line.trim().toLowerCase());
      if (reply && (reply !== 'choose' || choice)) return reply;
      const agrees = /^y(?:es)?$/i.test(line?.trim() ?? '');
      const notAsked = agrees ? '' : 'this was not asked. ';
      err.line(`${notAsked}please answer ${letters}; nothing is shared until you do`);
    }
  }

  #chosenOf(shares: readonly string[]): Promise<string[]> {
    const { io, lines } = this.#options;
    return lines.aside(() => pickShares(shares, io));
  }

  /** Does what a `/` command says; returns what to say. */
  async #command(text: string): Promise<string> {
    const space = /\s/.exec(text)?.index ?? text.length;
    const [name, rest] = [text.slice(1, space), text.slice(space).trim()];
    switch (name) {
      case 'share':
        if (this.#sensitive)
          return 'nothing is shared in a sensitive conversation: it reads the files of this box as they are';
        if (rest !== '') return this.#shareFromNowOn(rest);
        return this.#shares.length > 0 ? `sharing from now on: ${this.#shares.join(', ')}` : 'sharing nothing';
      case 'unshare':
        this.#shares = [];
        return 'sharing nothing';
      case 'jobs':
        return listed('no jobs yet', this.#last?.ended?.outcome?.jobs.map(jobLine));
      case 'egress':
        return listed('nothing left the box', egressLines(this.#last?.ended?.egress ?? []));
      case 'new':
        this.#conversation = '';
        return this.#sensitive ? 'a new conversation, sensitive as the last one' : 'a new conversation';
      case 'sensitive':
        [this.#conversation, this.#sensitive] = ['', true];
        return `a new conversation, sensitive; ${sensitiveAnswer(await this.#options.edge.client(LocalService).getStatus({}))}. To talk as before begin another chat`;
      case 'help':
        return HELP;
      default:
        return `there is no /${name}; there are:\n${HELP}`;
    }
  }

  /** A mistake is told now, not with the next ask: the edge says what it would share. */
  async #shareFromNowOn(value: string): Promise<string> {
    const share = /^(['"])(.*)\1$/.exec(value)?.[2] ?? value;
    const found = await previewShares(this.#options, [share]);
    this.#shares = [...this.#shares.filter((each) => each !== share), share].slice(-MAX_SHARES);
    return `sharing from now on: ${this.#shares.join(', ')}\n  ${share}: ${found}`;
  }
}

/** Who answers a sensitive conversation. An edge of an earlier version does not say it before the first ask. */
export const sensitiveAnswer = ({ sensitiveAnsweredBy: who }: Pick<GetStatusResponse, 'sensitiveAnsweredBy'>): string =>
  `answers: ${inertLine(who) || 'this box alone'}; nothing of it leaves the box`;

/** What these shares would share now, in words. Throws what the edge refuses them with. */
export async function previewShares(
  { edge, io }: Pick<ChatOptions, 'edge' | 'io'>,
  shares: readonly string[],
): Promise<string> {
  if (shares.length === 0) return '';
  const { shared } = await edge
    .client(LocalService)
    .previewShares({ shares: shares.map((each) => parseShare(each, io)) })
    .catch((error: unknown) => {
      throw namingMissing(error, shares, io);
    });
  const { paths = [], bytes = 0n, leftOut = [] } = shared ?? {};
  const out = leftOut.length > 0 ? `; ${countText(leftOut.length, 'file')} left out: ${leftOut[0]?.problem}` : '';
  return `${countText(paths.length, 'file')}, ${bytesText(bytes)}${out}`;
}

const REPLIES: ReadonlyMap<string, 'once' | 'run' | 'choose' | 'no'> = new Map([
  ['o', 'once'],
  ['once', 'once'],
  ['r', 'run'],
  ['run', 'run'],
  ['s', 'choose'],
  ['choose', 'choose'],
  ['', 'no'],
  ['n', 'no'],
  ['no', 'no'],
]);

const listed = (none: string, lines: readonly string[] | undefined): string =>
  lines && lines.length > 0 ? lines.map(inertLine).join('\n') : none;
