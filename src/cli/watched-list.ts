// `--watch` of the verbs that list: on a terminal the table is drawn again in its place, with `--json` each change is one object more.
// It knows no list: it has one made again and looks at what was written.
import { setTimeout as wait } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { asCalled } from '../base/called-as.ts';
import { AppError } from '../base/errors.ts';
import { isRecord } from '../base/is-record.ts';
import type { OutStream } from '../base/out-stream.ts';
import { toAppError } from '../contract/errors.ts';
import type { CliIo } from './io.ts';
import { canRedraw } from './live-line.ts';
import { Printer } from './output.ts';

/** Between two looks: a list is never asked for more often. */
const EVERY_MS = 1_000;

export interface WatchOptions {
  json?: boolean;
  watch?: boolean;
  limit?: number;
}

export const watchOption = (): Option =>
  new Option('--watch', 'show it again at each change, until Ctrl-C; with --json one object for each change');

/** The action of a verb that lists: once, or again and again with `--watch`. */
export function listed<O extends WatchOptions>(io: CliIo, list: (to: CliIo, options: O) => Promise<void>) {
  return async (_options: unknown, command: Command): Promise<void> => {
    const options = command.optsWithGlobals<O>();
    if (options.watch) await watchList(io, options, (to) => list(to, options));
    else await list(io, options);
  };
}

/** Ends at Ctrl-C. What fails at the first look is an error; later it is said, and looked again. */
export async function watchList(io: CliIo, options: WatchOptions, list: (to: CliIo) => Promise<void>): Promise<void> {
  if (!options.json && !canRedraw(io.stdout, io.env))
    throw new AppError('USAGE', {
      what: '--watch draws on a terminal, and this is none; with --json it appends one object for each change',
    });
  const leave = new AbortController();
  const stop = io.onInterrupt(() => leave.abort());
  const changes = options.json ? new Changes(io, options.limit) : new Redrawn(io.stdout);
  try {
    for (let first = true; !leave.signal.aborted; first = false) {
      await look(io, list, changes, first);
      await wait(EVERY_MS, undefined, { signal: leave.signal }).catch(() => {});
    }
  } finally {
    stop();
  }
}

interface Sink {
  /** What one look wrote; `beside` is what stands beside the list. */
  take(text: string, beside: string): void;
  /** A look that failed. */
  failed(problem: string): void;
}

async function look(io: CliIo, list: (to: CliIo) => Promise<void>, sink: Sink, first: boolean): Promise<void> {
  const [out, err] = [new Taken(io.stdout), new Taken(io.stderr)];
  try {
    await list({ ...io, stdout: out, stderr: err, waitsOn: io.stderr });
  } catch (error) {
    if (first) throw error;
    sink.failed(asCalled(toAppError(error).message, io.env));
    return;
  }
  sink.take(out.text, err.text);
}

/** A stream like another, that is kept. */
class Taken implements OutStream {
  readonly #like: OutStream;
  text = '';

  constructor(like: OutStream) {
    this.#like = like;
  }

  get isTTY(): boolean {
    return this.#like.isTTY === true;
  }

  get columns(): number | undefined {
    return this.#like.columns;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

/** Draws over what was drawn before, never more than fits. */
class Redrawn implements Sink {
  readonly #stream: OutStream;
  #drawn = '';
  #last = '';

  constructor(stream: OutStream) {
    this.#stream = stream;
  }

  take(text: string, beside: string): void {
    this.#last = text + beside;
    this.#draw(this.#last);
  }

  failed(problem: string): void {
    this.#draw(`${this.#last}${problem}\n`);
  }

  #draw(whole: string): void {
    const rows = Math.max((this.#stream.rows ?? 24) - 1, 2);
    const lines = whole.split('\n').slice(0, -1);
    const over = lines.length - rows;
    const fit = over > 0 ? [...lines.slice(0, rows - 1), `… and ${over + 1} lines more`] : lines;
    const text = fit.map((line) => `${line}\n`).join('');
    if (text === this.#drawn) return;
    const up = this.#drawn.split('\n').length - 1;
    this.#stream.write(`${up > 0 ? `\x1b[${up}A` : ''}\r\x1b[J${text}`);
    this.#drawn = text;
  }
}

/** Names by which an entry of a list is known, if they tell the entries apart. */
const NAMES = ['id', 'run', 'name'] as const;

/** Appends what is new or changed, and what is gone with `"gone":true`. */
class Changes implements Sink {
  readonly #out: Printer;
  readonly #err: Printer;
  readonly #limit: number;
  #isFailing = false;
  #known = new Map<string, string>();

  constructor({ stdout, stderr, env }: CliIo, limit = Number.POSITIVE_INFINITY) {
    // One line for each, also on a terminal.
    this.#out = new Printer({ write: (text) => stdout.write(text) }, env);
    this.#err = new Printer(stderr, env);
    this.#limit = limit;
  }

  take(text: string): void {
    this.#isFailing = false;
    const parsed: unknown = JSON.parse(text);
    const items = Array.isArray(parsed) ? parsed.filter(isRecord) : [];
    const key = keyOf(items);
    const now = new Map(items.map((item) => [key(item), JSON.stringify(item)]));
    for (const [name, item] of now) if (this.#known.get(name) !== item) this.#out.json(JSON.parse(item));
    // What a full list does not show any more may still be there.
    if (items.length < this.#limit)
      for (const [name, item] of this.#known) if (!now.has(name)) this.#out.json({ ...JSON.parse(item), gone: true });
    this.#known = now;
  }

  failed(problem: string): void {
    if (!this.#isFailing) this.#err.line(problem, 'yellow');
    this.#isFailing = true;
  }
}

function keyOf(items: readonly Record<string, unknown>[]): (item: Record<string, unknown>) => string {
  const name = NAMES.find((each) => {
    const values = new Set(items.map((item) => item[each]));
    return !values.has(undefined) && values.size === items.length;
  });
  return (item) => (name === undefined ? JSON.stringify(item) : String(item[name]));
}
