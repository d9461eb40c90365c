// Reads documents in a process of its own, the reader, which is there only while there is something to read: parsers have no room in
// the edge, and what others wrote is not parsed beside its keys. One document at a time.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { encodeFramed, type FramedMessage, FramedReader } from '../../base/framed-messages.ts';
import { isRecord } from '../../base/is-record.ts';

/** The text of a document. */
export interface DocumentText {
  /** UTF-8. */
  readonly text: Uint8Array;
  /** The line, from 1, on which each page begins; empty for a document without pages. */
  readonly pageLines: readonly number[];
  /** What is missing of it and why; empty when nothing is known to be. */
  readonly warning: string;
  /** The charset that it was read in, where that is a guess; else empty. */
  readonly guessed: string;
}

export interface DocumentReader {
  /**
   * Throws DOCUMENT_NOT_TEXT for what has no text, DOCUMENT_INVALID for what is damaged or locked, DOCUMENT_TOO_COSTLY for what met a
   * limit, DOCUMENT_READER_ENDED when the process ended at both of two tries, PARSER_UNAVAILABLE where nothing keeps a parser apart, and
   * the signal's reason.
   */
  read(bytes: Uint8Array, mediaType: string, signal: AbortSignal): Promise<DocumentText>;
}

export interface ReaderOptions {
  /** The program: Node's file, and the first words after it. */
  readonly argv: readonly [string, ...string[]];
  readonly settings: {
    readonly isolation: 'bubblewrap' | 'process';
    readonly memoryBytes: number;
    readonly documentMs: number;
  };
  readonly clock: Clock;
}

/** Without a document for so long the reader is ended. */
const IDLE_MS = 15_000;
/** What a document may take beside its own time: to start the reader, and to find out what isolates here. */
const START_MS = 30_000;
const MAX_CHARS = 4 << 20;
/** Text of the largest size in UTF-8, with what is said of it. */
const ANSWER_BYTES = 3 * MAX_CHARS + (1 << 20);
const NAMES = {
  isolation: '`document_isolation: process` in config.yaml',
  time: 'limits.document_seconds in config.yaml',
  memory: 'limits.document_memory_bytes in config.yaml',
};
const REFUSALS = ['DOCUMENT_NOT_TEXT', 'DOCUMENT_INVALID', 'DOCUMENT_TOO_COSTLY', 'PARSER_UNAVAILABLE'] as const;
/** Tries to read one document: whatever ended the first process need not have been the document. */
const TRIES = 2;
/** Characters of what the reader says of a document. */
const WORDS = 500;

/** One process. */
interface Running {
  readonly child: ChildProcess;
  /** Takes the next answer; undefined when the process has ended. */
  answered: ((answer: FramedMessage | undefined) => void) | undefined;
}

export class ChildDocumentReader implements DocumentReader {
  readonly #options: ReaderOptions;
  #running: Running | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #stopIdle = () => {};
  #closed = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  read(bytes: Uint8Array, mediaType: string, signal: AbortSignal): Promise<DocumentText> {
    const reading = this.#turn.then(() => this.#read(bytes, mediaType, signal));
    this.#turn = reading.catch(() => {});
    return reading;
  }

  close(): void {
    this.#closed = true;
    this.#end();
  }

  async #read(bytes: Uint8Array, mediaType: string, signal: AbortSignal): Promise<DocumentText> {
    for (let tries = 0; tries < TRIES; tries++) {
      signal.throwIfAborted();
      if (this.#closed) throw new AppError('CLOSED', { what: 'the reader of documents' });
      const answer = await this.#answer(bytes, mediaType, signal);
      signal.throwIfAborted();
      if (answer) return textIn(answer);
    }
    throw new AppError('DOCUMENT_READER_ENDED');
  }

  /** What the process says; undefined when it ended before. Throws DOCUMENT_TOO_COSTLY. */
  async #answer(bytes: Uint8Array, mediaType: string, signal: AbortSignal): Promise<FramedMessage | undefined> {
    this.#stopIdle();
    const { clock, settings } = this.#options;
    this.#running ??= this.#start();
    const running = this.#running;
    const stop = () => this.#end();
    let stopClock = () => {};
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise<FramedMessage | undefined>((resolve, reject) => {
        running.answered = resolve;
        stopClock = clock.after(settings.documentMs + START_MS, () => {
          const problem = `its reader did not answer within ${settings.documentMs + START_MS} ms (${NAMES.time})`;
          reject(new AppError('DOCUMENT_TOO_COSTLY', { problem }));
          stop();
        });
        running.child.stdin?.write(encodeFramed({ mediaType, maxChars: MAX_CHARS }, bytes));
      });
    } finally {
      stopClock();
      signal.removeEventListener('abort', stop);
      running.answered = undefined;
      this.#stopIdle = clock.after(IDLE_MS, stop);
    }
  }

  #start(): Running {
    const { argv, settings } = this.#options;
    const [program, ...words] = argv;
    const child = spawn(program, [...words, JSON.stringify({ ...settings, names: NAMES })], {
      cwd: '/',
      env: {},
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const running: Running = { child, answered: undefined };
    const messages = new FramedReader(ANSWER_BYTES);
    const over = () => {
      if (this.#running === running) this.#running = undefined;
      running.answered?.(undefined);
    };
    child.once('error', over).once('close', over);
    child.stdin?.on('error', () => {});
    child.stdout?.on('data', (data: Buffer) => {
      const [answer, more] = messages.add(data) ?? [];
      if (answer && !more) running.answered?.(answer);
      // Nothing sensible comes after what was not asked for.
      if (more) child.kill('SIGKILL');
    });
    return running;
  }

  #end(): void {
    this.#stopIdle();
    const running = this.#running;
    this.#running = undefined;
    running?.child.kill('SIGKILL');
    running?.answered?.(undefined);
  }
}

/** Its answer, as far as it has the shape of one. */
function textIn({ json: said, bytes: text }: FramedMessage): DocumentText {
  if (!isRecord(said)) throw new AppError('DOCUMENT_INVALID', { problem: 'its reader failed' });
  const refusal = REFUSALS.find((reason) => reason === said.reason);
  const about = isRecord(said.metadata) ? said.metadata : {};
  const word = (key: string) => String(about[key] ?? '').slice(0, WORDS);
  if (refusal === 'DOCUMENT_NOT_TEXT') throw new AppError(refusal, { what: word('what') });
  if (refusal === 'PARSER_UNAVAILABLE')
    throw new AppError(refusal, { problem: word('problem'), weaker: NAMES.isolation });
  if (refusal) throw new AppError(refusal, { problem: word('problem') });
  if (said.reason !== undefined) throw new AppError('DOCUMENT_INVALID', { problem: 'its reader failed' });
  const { pageLines, warning, guessed } = said;
  return {
    text,
    pageLines: Array.isArray(pageLines) ? pageLines.filter(Number.isSafeInteger) : [],
    warning: typeof warning === 'string' ? warning.slice(0, WORDS) : '',
    guessed: typeof guessed === 'string' && /^[\w-]{0,40}$/.test(guessed) ? guessed : '',
  };
}
