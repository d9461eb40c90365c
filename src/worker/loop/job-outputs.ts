// The responses of one job on their way out: numbered, joined while the stream is slower than the handler, bounded.
// It never touches a stream; whoever sends takes from it.
import { type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';

/** A response as it is sent. */
export interface NumberedOutput {
  readonly index: number;
  readonly response: Uint8Array;
}

export interface JobOutputsOptions {
  readonly schema: DescMessage;
  readonly join: ((last: Message, next: Message) => Message | undefined) | undefined;
  /** Bytes that may wait for the stream before the handler is paused; default 64 KiB. */
  readonly maxPendingBytes?: number;
  /** Bytes of all responses of the job; past it LIMIT_EXCEEDED. */
  readonly maxResultBytes: number;
  /** Called when there is something to take. */
  readonly onReady: () => void;
}

/** Joined pieces are sent on at this size, so that a slow stream gets few frames but no huge ones. */
const FRAME_BYTES = 16 * 1024;

/** Most responses of one job, as the contract has it. */
const MAX_RESPONSES = 65_536;

interface Pending {
  message: Message;
  bytes: number;
}

export class JobOutputs {
  readonly #options: JobOutputsOptions;
  readonly #sent: Uint8Array[] = [];
  readonly #pending: Pending[] = [];
  #pendingBytes = 0;
  #totalBytes = 0;
  #resend = 0;
  #attached = false;
  #wake: (() => void)[] = [];

  constructor(options: JobOutputsOptions) {
    this.#options = options;
  }

  /** How many numbers are given out. */
  get nextIndex(): number {
    return this.#sent.length;
  }

  /** Adds a response; waits while too much waits for a slow stream. Without a stream it never waits: the result needs it anyway. */
  async push(message: Message, signal: AbortSignal): Promise<void> {
    this.#add(message);
    this.#options.onReady();
    while (this.#full() && !signal.aborted) await this.#room(signal);
    signal.throwIfAborted();
  }

  /** The next response to send, or undefined when there is none. */
  pull(): NumberedOutput | undefined {
    if (this.#resend < this.#sent.length) {
      const index = this.#resend++;
      return { index, response: this.#sent[index]! };
    }
    const next = this.#pending.shift();
    if (!next) return undefined;
    this.#pendingBytes -= next.bytes;
    const response = this.#encoded(next.message);
    const index = this.#sent.push(response) - 1;
    this.#resend = this.#sent.length;
    this.#wakeAll();
    return { index, response };
  }

  /** A new stream: everything is sent again under the same numbers, so that any replica can take over. */
  attach(): void {
    this.#attached = true;
    this.#resend = 0;
    this.#options.onReady();
  }

  /** The stream is gone. */
  detach(): void {
    this.#attached = false;
    this.#wakeAll();
  }

  /** The result is on its way and holds everything: nothing more is sent from here. */
  release(): void {
    this.#sent.length = 0;
    this.#pending.length = 0;
    this.#pendingBytes = 0;
    this.#resend = 0;
  }

  /** All responses, joined where they can be. Throws LIMIT_EXCEEDED when there are more than the contract allows. */
  responses(): Uint8Array[] {
    const { schema } = this.#options;
    const all: Message[] = [];
    for (const bytes of this.#sent) this.#append(all, fromBinary(schema, bytes));
    for (const { message } of this.#pending) this.#append(all, message);
    if (all.length > MAX_RESPONSES)
      throw fixedLimit('the number of responses of a job', MAX_RESPONSES, 'ask for less at once');
    return all.map((message) => this.#encoded(message));
  }

  #append(all: Message[], message: Message): void {
    const last = all.at(-1);
    const joined = last && this.#options.join?.(last, message);
    if (joined) all[all.length - 1] = joined;
    else all.push(message);
  }

  #add(message: Message): void {
    const bytes = this.#encoded(message).byteLength;
    this.#totalBytes += bytes;
    if (this.#totalBytes > this.#options.maxResultBytes) throw tooLong(this.#options.maxResultBytes);
    this.#pendingBytes += bytes;
    const last = this.#pending.at(-1);
    const joined = last && last.bytes < FRAME_BYTES ? this.#options.join?.(last.message, message) : undefined;
    if (last && joined) {
      last.message = joined;
      last.bytes += bytes;
    } else {
      this.#pending.push({ message, bytes });
    }
  }

  /** Throws MESSAGE_REFUSED for what has no encoding, e.g. a number beyond its field. */
  #encoded(message: Message): Uint8Array {
    try {
      return toBinary(this.#options.schema, message);
    } catch (cause) {
      const problem = 'it holds a value that cannot be encoded';
      throw new AppError('MESSAGE_REFUSED', { what: 'response', problem }, { cause });
    }
  }

  #full(): boolean {
    return this.#attached && this.#pendingBytes >= (this.#options.maxPendingBytes ?? 64 * 1024);
  }

  #room(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
      this.#wake.push(wake);
    });
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}

const tooLong = (bytes: number) =>
  new AppError('LIMIT_EXCEEDED', {
    what: 'the result of a job',
    limit: `${bytes} bytes`,
    setting: 'BOWLINE_WORKER_MAX_RESULT_BYTES of the worker, or BOWLINE_MAX_FRAME_BYTES of the control plane,',
  });
