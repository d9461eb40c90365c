// Runs the thread that cuts documents: one at a time, each within a time and a memory limit. The thread starts at the first
// document and ends when there was none for a while.
import { Worker } from 'node:worker_threads';
import { besideEntry } from '../../../../base/beside-entry.ts';
import type { Clock } from '../../../../base/clock.ts';
import { AppError } from '../../../../base/errors.ts';
import { overLimit } from '../over-limit.ts';
import type { CutAnswer, CutDocument, CutOptions, ReadableText } from './passage.ts';

/** Memory of the thread in MiB; the largest document that the contract allows takes about 400. */
const MEMORY = 1024;
/** Without a document for so long, the thread ends; in milliseconds. */
const IDLE_MS = 30_000;

export interface CutterOptions {
  /** Time of one document in milliseconds. */
  readonly limitMs: number;
  readonly clock: Clock;
}

export class Cutter {
  readonly #options: CutterOptions;
  #last: Promise<unknown> = Promise.resolve();
  #thread: Worker | undefined;
  #stopIdle = () => {};

  constructor(options: CutterOptions) {
    this.#options = options;
  }

  /**
   * The passages of a document. Throws DOCUMENT_UNREADABLE when cutting fails or takes too long, LIMIT_EXCEEDED for too many
   * passages, the signal's reason when it aborts.
   */
  async cut(document: ReadableText, options: CutOptions, signal: AbortSignal): Promise<CutDocument> {
    const mine = this.#last.then(() => this.#run(document, options, signal));
    this.#last = mine.catch(() => {});
    const answer = await mine;
    if (answer.kind === 'done') return answer.document;
    if (answer.kind === 'failed') throw new AppError('DOCUMENT_UNREADABLE', { problem: answer.problem });
    throw overLimit('a document', `${options.most} passages`, 'BOWLINE_RETRIEVAL_DOCUMENT_PASSAGES');
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    this.#stopIdle();
    await this.#thread?.terminate();
    this.#thread = undefined;
  }

  async #run(document: ReadableText, options: CutOptions, signal: AbortSignal): Promise<CutAnswer> {
    signal.throwIfAborted();
    this.#stopIdle();
    const { clock, limitMs } = this.#options;
    this.#thread ??= start();
    const thread = this.#thread;
    let settle = (_: CutAnswer) => {};
    const answered = new Promise<CutAnswer>((resolve) => {
      settle = resolve;
    });
    const failed = (problem: string) => settle({ kind: 'failed', problem });
    const onError = (error: unknown) =>
      failed(error instanceof Error && 'code' in error ? `reading it ended with ${error.code}` : 'reading it failed');
    const onExit = () => failed('reading it was ended');
    const onAbort = () => failed('canceled');
    const stopLimit = clock.after(limitMs, () =>
      failed(`reading it took longer than ${limitMs} ms (BOWLINE_RETRIEVAL_DOCUMENT_MS)`),
    );
    thread.once('message', settle).once('error', onError).once('exit', onExit);
    signal.addEventListener('abort', onAbort, { once: true });
    thread.ref();
    thread.postMessage({ document, options });
    const answer = await answered;
    stopLimit();
    signal.removeEventListener('abort', onAbort);
    thread.off('message', settle).off('error', onError).off('exit', onExit);
    thread.unref();
    if (answer.kind === 'failed') {
      // Whatever it is still at, nobody waits for it.
      this.#thread = undefined;
      await thread.terminate();
      signal.throwIfAborted();
    } else {
      this.#stopIdle = clock.after(IDLE_MS, () => void this.close());
    }
    return answer;
  }
}

function start(): Worker {
  const thread = new Worker(besideEntry(import.meta.url, 'passage-worker'), {
    name: 'passages',
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: MEMORY },
  });
  // One that dies between two documents is no trouble: its `exit` is seen by the next.
  thread.on('error', () => {});
  thread.unref();
  return thread;
}
