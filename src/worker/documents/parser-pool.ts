// Reads documents in a few processes that are used again for the next document of the same owner, for a while, and never after one
// that went wrong.
import PQueue from 'p-queue';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { inTurn } from '../../base/in-turn.ts';
import type { Logger } from '../../base/logger.ts';
import { type DocumentInput, type DocumentParser, MAX_BYTES, MAX_CHARS, type ParsedDocument } from './document.ts';
import type { StartParser } from './parser-link.ts';
import { type ParserAnswer, ParserProcess } from './parser-process.ts';
import type { ParserSettings } from './parser-settings.ts';

/** Most time until a process is ready. */
const START_MS = 20_000;

export interface PoolParts {
  readonly start: StartParser;
  readonly settings: ParserSettings;
  readonly clock: Clock;
  readonly log: Logger;
}

export class ParserPool implements DocumentParser {
  readonly #parts: PoolParts;
  readonly #idle = new Set<ParserProcess>();
  readonly #busy = new Set<ParserProcess>();
  /** Those that read, and those that wait for a place. */
  readonly #turns: PQueue;
  /** How to stop the clock of each idle process. */
  readonly #clocks = new Map<ParserProcess, () => void>();
  #closed = false;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.#turns = new PQueue({ concurrency: parts.settings.processes });
  }

  /**
   * Tries whether a process runs. Throws PARSER_UNAVAILABLE with why it does not. None is kept until the first document comes: it would
   * take 57 MB, and where no cgroup bounds it somebody would look at it fifty times a second.
   */
  async open(): Promise<void> {
    const first = this.#start();
    const problem = await first.ready();
    if (problem !== undefined)
      throw new AppError('PARSER_UNAVAILABLE', { problem, weaker: this.#parts.settings.names.isolation });
    this.#drop(first, 'it was only tried');
  }

  async parse(input: DocumentInput, signal: AbortSignal): Promise<ParsedDocument> {
    if (input.bytes.length > MAX_BYTES)
      throw costly(`it has more than ${MAX_BYTES >> 20} MiB, which is fixed; split it`);
    this.#mustBeOpen();
    const { queue } = this.#parts.settings;
    const full = this.#turns.pending >= this.#turns.concurrency;
    if (full && this.#turns.size >= queue)
      throw costly(
        `${queue} other documents wait already, which is the fixed limit; try again, or raise BOWLINE_PARSER_PROCESSES`,
      );
    return inTurn(this.#turns, signal, async () => {
      this.#mustBeOpen();
      return this.#read({ ...input, maxChars: Math.min(input.maxChars, MAX_CHARS) }, signal);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#idle, ...this.#busy];
    for (const process of all) process.kill('the worker ends');
    await Promise.all(all.map((process) => process.ended()));
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new AppError('CLOSED', { what: 'the parser of documents' });
  }

  async #read(input: DocumentInput, signal: AbortSignal): Promise<ParsedDocument> {
    signal.throwIfAborted();
    const { documentMs, documents } = this.#parts.settings;
    const process = this.#reserve(input.owner ?? '');
    const { clock } = this.#parts;
    const late = () => process.kill('time');
    let over = false;
    let stop = clock.after(START_MS, late);
    // The time of a document begins when there is a process to read it.
    void process.ready().then(() => {
      stop();
      if (!over) stop = clock.after(documentMs, late);
    });
    const cancel = () => process.kill('it was canceled');
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answer = await process.read(input);
      signal.throwIfAborted();
      if ('document' in answer) return answer.document;
      throw this.#failure(answer);
    } catch (error) {
      process.kill('a document went wrong');
      throw error;
    } finally {
      over = true;
      stop();
      signal.removeEventListener('abort', cancel);
      this.#busy.delete(process);
      if (process.documents >= documents) process.kill('it has read enough');
      if (!process.over) this.#rest(process);
      this.#spare();
    }
  }

  /** A process for this owner: one of theirs, one of nobody's, or a new one. */
  #reserve(owner: string): ParserProcess {
    const idle = [...this.#idle];
    const found = idle.find((one) => one.owner === owner) ?? idle.find((one) => one.owner === undefined);
    if (!found) this.#makeRoom();
    const process = found ?? this.#start();
    this.#idle.delete(process);
    this.#clocks.get(process)?.();
    this.#clocks.delete(process);
    this.#busy.add(process);
    return process;
  }

  /** Another owner's next document need not wait for a process to start; the last one that has an owner is kept, though. */
  #spare(): void {
    if (this.#closed || [...this.#idle].some(({ owner }) => owner === undefined)) return;
    if (this.#isFull && this.#idle.size < 2) return;
    this.#makeRoom();
    if (!this.#isFull) this.#start();
  }

  get #isFull(): boolean {
    return this.#idle.size + this.#busy.size >= this.#parts.settings.processes;
  }

  /** Ends the process that has been idle for longest, if there is no place for one more. */
  #makeRoom(): void {
    const [oldest] = this.#idle;
    if (this.#isFull && oldest) this.#drop(oldest, 'another owner');
  }

  #start(): ParserProcess {
    const process: ParserProcess = new ParserProcess(this.#parts.start, () => {
      this.#idle.delete(process);
      this.#clocks.get(process)?.();
      this.#clocks.delete(process);
    });
    this.#rest(process);
    return process;
  }

  #rest(process: ParserProcess): void {
    this.#idle.add(process);
    const { clock, settings } = this.#parts;
    this.#clocks.set(
      process,
      clock.after(settings.idleMs, () => this.#drop(process, 'it was idle')),
    );
  }

  #drop(process: ParserProcess, why: string): void {
    this.#idle.delete(process);
    process.kill(why);
  }

  #failure(answer: Exclude<ParserAnswer, { document: ParsedDocument }>): AppError {
    if ('refused' in answer) {
      if (answer.refused === 'type') return new AppError('DOCUMENT_NOT_TEXT', { what: answer.problem });
      if (answer.refused === 'costly') return costly(answer.problem);
      return new AppError('DOCUMENT_INVALID', { problem: answer.problem });
    }
    if (this.#closed) return new AppError('CLOSED', { what: 'the parser of documents' });
    this.#parts.log.warn('a document ended the process that read it', { why: answer.lost });
    const { documentMs, names } = this.#parts.settings;
    if (answer.lost === 'time')
      return costly(`it takes longer than ${documentMs} ms (${names.time}); split it, or raise that`);
    return costly(`the process that read it ended, most likely for want of memory (${names.memory})`);
  }
}

const costly = (problem: string) => new AppError('DOCUMENT_TOO_COSTLY', { problem });
