// The outgoing side of a session's stream: a bounded queue of frame bodies, then whatever a puller has. It numbers frames.
import type { FrameHeader } from '../../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { FrameCounter } from '../../contract/frames.ts';

export class FrameStream<Body> {
  readonly #counter: FrameCounter;
  readonly #capacity: number;
  readonly #queue: Body[] = [];
  #pull: () => Body | undefined = () => undefined;
  #wake: (() => void) | undefined;
  #ended: { error?: unknown } | undefined;

  /** @param capacity frames that may wait for a slow peer before its session is ended; it then resyncs. */
  constructor(counter: FrameCounter, capacity: number) {
    this.#counter = counter;
    this.#capacity = capacity;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Queues a frame. Throws CLOSED after the end; a full queue ends the stream. */
  send(body: Body): void {
    if (this.#ended) throw new AppError('CLOSED', { what: 'the session' });
    if (this.#queue.length >= this.#capacity) {
      this.end(
        new AppError('LIMIT_EXCEEDED', {
          what: 'frames that wait for this peer',
          limit: this.#capacity,
          setting: 'session.maxQueuedFrames',
        }),
      );
      throw new AppError('CLOSED', { what: 'the session' });
    }
    this.#queue.push(body);
    this.wake();
  }

  /** Sets where frames come from when the queue is empty; it is asked again after `wake`. */
  pullFrom(pull: () => Body | undefined): void {
    this.#pull = pull;
    this.wake();
  }

  wake(): void {
    this.#wake?.();
  }

  /** Ends the stream after what is queued, or at once with an error. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = error === undefined ? {} : { error };
    if (error !== undefined) this.#queue.length = 0;
    this.wake();
  }

  /** The frames, paced by the reader. */
  async *frames(): AsyncGenerator<{ header: FrameHeader; frame: Body }> {
    for (;;) {
      if (this.#ended && 'error' in this.#ended) throw this.#ended.error;
      const frame = this.#queue.shift() ?? (this.#ended ? undefined : this.#pull());
      if (frame !== undefined) yield { header: this.#counter.next(), frame };
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }
}
