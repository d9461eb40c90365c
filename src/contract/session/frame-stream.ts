// The outgoing side of a session's stream: a bounded queue of frame bodies, then whatever a puller has. It numbers frames
// and tells once when it ends; it never waits for its reader.
import type { FrameHeader } from '../../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { FrameCounter } from './frames.ts';

export interface FrameStreamOptions<Body> {
  /** Frames that may wait for a slow peer; past it the session is ended, and resyncs. */
  readonly maxFrames: number;
  /** Payload bytes that may wait, as their senders state them; default 64 MiB. One frame may always wait. */
  readonly maxBytes?: number;
  /** Looks at each frame before it gets a number: gives what is sent in its place, or nothing to leave it out. */
  readonly fit?: (body: Body) => Body | undefined;
  /** Told when a frame gets its number, which is when it is handed to the stream. */
  readonly onSent?: (body: Body, seq: bigint) => void;
  /** Called when frames begin to leave after a pause, so that those of one moment can leave together. */
  readonly onBurst?: () => void;
}

interface Waiting<Body> {
  readonly body: Body;
  readonly bytes: number;
}

export class FrameStream<Body> {
  readonly #counter: FrameCounter;
  readonly #options: FrameStreamOptions<Body>;
  readonly #queue: Waiting<Body>[] = [];
  readonly #onEnd: (() => void)[] = [];
  #bytes = 0;
  #pull: () => Body | undefined = () => undefined;
  #wake: (() => void) | undefined;
  #ended: { error?: unknown } | undefined;
  #drained = false;

  constructor(counter: FrameCounter, options: FrameStreamOptions<Body>) {
    this.#counter = counter;
    this.#options = options;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Whether its reader has seen the end. */
  get drained(): boolean {
    return this.#drained;
  }

  /** Queues a frame. Throws CLOSED after the end; past the bound it ends the stream with LIMIT_EXCEEDED, and throws CLOSED. */
  send(body: Body, bytes = 0): void {
    if (!this.offer(body, bytes)) throw new AppError('CLOSED', { what: 'the session' });
  }

  /** As `send`, for what need not arrive: false when the stream has ended or ends by this. Never throws. */
  offer(body: Body, bytes = 0): boolean {
    if (this.#ended) return false;
    const { maxFrames, maxBytes = 64 << 20 } = this.#options;
    if (this.#queue.length >= maxFrames || (this.#queue.length > 0 && this.#bytes + bytes > maxBytes)) {
      const full = this.#queue.length >= maxFrames;
      this.end(
        new AppError('LIMIT_EXCEEDED', {
          what: full ? 'the number of frames that wait for this peer' : 'the bytes that wait for this peer',
          limit: full ? maxFrames : maxBytes,
          setting: full ? 'BOWLINE_MAX_QUEUED_FRAMES' : 'BOWLINE_MAX_QUEUED_BYTES',
        }),
      );
      return false;
    }
    this.#queue.push({ body, bytes });
    this.#bytes += bytes;
    this.wake();
    return true;
  }

  /** Sets where frames come from when the queue is empty; it is asked again after `wake`. */
  pullFrom(pull: () => Body | undefined): void {
    this.#pull = pull;
    this.wake();
  }

  wake(): void {
    this.#wake?.();
  }

  /** Calls `run` when the stream ends, whether or not its reader ever learns of it; at once when it has. */
  onEnd(run: () => void): void {
    if (this.#ended) run();
    else this.#onEnd.push(run);
  }

  /** Ends the stream after what is queued, or at once with an error. The first call counts. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = error === undefined ? {} : { error };
    if (error !== undefined) this.#queue.length = 0;
    for (const run of this.#onEnd.splice(0)) run();
    this.wake();
  }

  /** The frames, paced by the reader. To be read once. */
  async *frames(): AsyncGenerator<{ header: FrameHeader; frame: Body }> {
    let idle = true;
    try {
      for (;;) {
        if (this.#ended && 'error' in this.#ended) throw this.#ended.error;
        const next = this.#next();
        const frame = next !== undefined && this.#options.fit ? this.#options.fit(next) : next;
        if (next !== undefined && frame === undefined) continue;
        if (frame !== undefined) {
          if (idle) this.#options.onBurst?.();
          idle = false;
          const header = this.#counter.next();
          this.#options.onSent?.(frame, header.seq);
          yield { header, frame };
        } else if (this.#ended) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
          idle = true;
        }
      }
    } finally {
      this.#drained = true;
    }
  }

  #next(): Body | undefined {
    const waiting = this.#queue.shift();
    if (!waiting) return this.#ended ? undefined : this.#pull();
    this.#bytes -= waiting.bytes;
    return waiting.body;
  }
}
