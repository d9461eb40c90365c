// Shows a run as it goes on, for people: the answer on stdout, everything else on stderr. Knows no server.
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { ModelInfo } from '../../gen/bowline/common/v1/common_pb.ts';
import type { Shared, Waiting } from '../../gen/bowline/local/v1/local_pb.ts';
import {
  type Job,
  JobState,
  JobStateSchema,
  type Outcome,
  RunState,
  RunStateSchema,
  type Source,
  type TextChunk,
} from '../../gen/bowline/run/v1/run_pb.ts';
import { inertLine } from '../base/inert.ts';
import { fromFailure } from '../contract/errors.ts';
import type { Printer, Style } from './output.ts';
import { enumText } from './plain.ts';
import { TextStream } from './text-stream.ts';
import { bytesText, countText, elapsedText } from './units.ts';

export class RunPrinter {
  readonly #out: Printer;
  readonly #err: Printer;
  readonly #text = new TextStream();
  readonly #jobs = new Map<string, string>();
  /** Lines about jobs that came within a line of the answer, where both outputs may be the same file. */
  #held: (() => void)[] = [];
  /** What was last said to be waited for. */
  #waits = '';
  /** Whether the cursor stands behind streamed text. */
  #open = false;

  constructor(out: Printer, err: Printer) {
    this.#out = out;
    this.#err = err;
  }

  shared({ paths, bytes, recipients, leftOut }: Shared): void {
    const to = recipients.length > 0 ? recipients.join(', ') : 'nobody';
    this.note(`sharing ${countText(paths.length, 'file')}, ${bytesText(bytes)}, to: ${to}`);
    for (const { path, problem, reason } of leftOut) this.note(`not shared: ${path}: ${problem} (${reason})`, 'red');
  }

  waiting({ what, sent, approval }: Waiting): void {
    const prefix = approval ? 'waiting for your approval' : sent ? 'waiting' : 'waiting, not sent yet';
    const line = `${prefix}: ${what}`;
    if (line !== this.#waits) this.note(line, 'yellow');
    this.#waits = line;
  }

  /** One line when a job starts or ends; the same state again is not repeated. What it waits for is told by `waiting`. */
  job(job: Job): void {
    if (job.state === JobState.QUEUED) return;
    const line = jobLine(job);
    const { done = 0n, total = 0n, note = '' } = job.progress ?? {};
    const tenths = total > 0n ? (done * 10n) / total : 0n;
    const state = `${job.state}/${job.attempts}/${job.target}/${tenths}/${note}`;
    if (this.#jobs.get(job.id) === state) return;
    this.#jobs.set(job.id, state);
    const put = () => this.note(line, styleOf(job.state));
    if (this.#open && !this.#out.isTTY && !this.#err.isTTY) this.#held.push(put);
    else put();
  }

  text(chunk: TextChunk): void {
    const piece = this.#text.add(chunk);
    if (piece === '') return;
    this.#out.text(piece);
    this.#open = !piece.endsWith('\n');
    if (!this.#open) this.flush();
  }

  /** What is missing of the answer, its sources, and how it ended where that is not the usual. */
  outcome(outcome: Outcome): void {
    const rest = this.#text.end(outcome.answer);
    // A note may have ended the line already.
    if (rest !== '\n' || this.#open) this.#out.text(rest);
    this.#open = false;
    this.flush();
    // Jobs that were over before anyone could watch them.
    for (const job of outcome.jobs) this.job(job);
    if (outcome.sources.length > 0) {
      this.#out.line();
      this.#out.line('sources:');
      for (const source of outcome.sources) this.#out.line(`  ${sourceText(source)}`);
    }
    for (const { collection, problem } of outcome.leftOut)
      this.note(`not looked into: the collection ${collection}: ${problem}`, 'yellow');
    if (outcome.model) this.note(`answered by ${modelText(outcome.model)}`, 'dim');
    if (outcome.state !== RunState.ANSWERED) this.note(endText(outcome), 'red');
    else if (outcome.failure) this.note(`partial: ${failureText(outcome)}`, 'yellow');
  }

  /** Writes what was held back. */
  flush(): void {
    for (const put of this.#held.splice(0)) put();
  }

  /** A line on stderr, below streamed text. */
  note(line: string, style?: Style): void {
    if (this.#open && this.#out.isTTY) this.#out.line();
    this.#open = this.#open && !this.#out.isTTY;
    this.#err.line(inertLine(line), style);
  }
}

/** `fs.Read on device kitchen-pi: done, 12 ms`. */
export function jobLine(job: Job): string {
  const on = job.target ? ` on ${job.target}` : '';
  const took = job.elapsed && isOver(job.state) ? `, ${elapsedText(durationMs(job.elapsed))}` : '';
  const tries = job.attempts > 1 ? `, attempt ${job.attempts}` : '';
  const why = job.failure ? ` (${job.failure.reason})` : '';
  const far = isOver(job.state) ? '' : progressText(job);
  return `  ${shortMethod(job.method)}${on}: ${enumText(JobStateSchema, job.state)}${far}${took}${tries}${why}`;
}

/** `, 12 of 40, embedding`. */
function progressText({ progress }: Job): string {
  if (!progress) return '';
  const { done, total, note } = progress;
  const count = total > 0n ? `, ${done} of ${total}` : done > 0n ? `, ${done}` : '';
  return `${count}${note ? `, ${note}` : ''}`;
}

/** `bowline.capability.fs.v1.FsService/Read` as `fs.Read`. */
export function shortMethod(method: string): string {
  const match = /^bowline\.capability\.(\w+)\.v\d+\.\w+\/(\w+)$/.exec(method);
  return match ? `${match[1]}.${match[2]}` : method;
}

/** `docs/a.md:3-5 (collection notes)`. */
function sourceText({ path, startLine, endLine, page, collection, url }: Source): string {
  const lines = startLine === 0 ? '' : endLine > startLine ? `:${startLine}-${endLine}` : `:${startLine}`;
  const where = `${path || url}${lines}${page > 0 ? `, page ${page}` : ''}`;
  return collection ? `${where} (collection ${collection})` : where;
}

/** `rules (local): a small deterministic model`. */
export function modelText({ provider, name, local, note }: ModelInfo): string {
  const what = name && name !== provider ? `${provider} ${name}` : provider;
  return `${what}${local ? ' (local)' : ''}${note ? `: ${note}` : ''}`;
}

const endText = (outcome: Outcome): string => {
  const state = enumText(RunStateSchema, outcome.state).replaceAll('_', ' ');
  return outcome.failure ? `${state}: ${failureText(outcome)}` : state;
};

function failureText({ failure }: Outcome): string {
  if (!failure) return '';
  const { message, reason } = fromFailure(failure);
  return `${message} (${reason})`;
}

const isOver = (state: JobState): boolean => state >= JobState.DONE;

function styleOf(state: JobState): Style | undefined {
  if (state === JobState.DONE) return 'green';
  if (state === JobState.FAILED || state === JobState.UNKNOWN) return 'red';
  return state === JobState.RETRYING || state === JobState.APPROVAL ? 'yellow' : 'dim';
}
