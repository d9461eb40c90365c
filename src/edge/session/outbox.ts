// What waits to be sent in one session: a short urgent lane that never waits, and a bulk lane with backpressure.
import type { ConnectRequest } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';

export type FrameBody = Exclude<ConnectRequest['frame'], { case: undefined }>;

/** Urgent frames are small; this many waiting means that the other side does not read. */
const URGENT = 1024;

export class Outbox {
  readonly #capacity: number;
  readonly #urgent: FrameBody[] = [];
  readonly #bulk: FrameBody[] = [];
  #writers: (() => void)[] = [];
  #reader: ((frame: FrameBody | undefined) => void) | undefined;
  #closed = false;

  /** @param capacity bulk frames that may wait */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Adds at once, before all bulk frames. Throws LIMIT_EXCEEDED when far too many wait; nothing after the close. */
  urgent(frame: FrameBody): void {
    if (this.#closed || this.#hand(frame)) return;
    if (this.#urgent.length >= URGENT) {
      throw fixedLimit('the number of frames that wait to be sent', URGENT, 'the other side does not read');
    }
    this.#urgent.push(frame);
  }

  /** Adds in order, waiting for room. False when the outbox was closed first: the frame is not sent. */
  async push(frame: FrameBody): Promise<boolean> {
    while (!this.#closed) {
      if (this.#hand(frame)) return true;
      if (this.#bulk.length < this.#capacity) {
        this.#bulk.push(frame);
        return true;
      }
      await new Promise<void>((resolve) => this.#writers.push(resolve));
    }
    return false;
  }

  /** The next frame to send; undefined when closed and empty. One reader. */
  take(): Promise<FrameBody | undefined> {
    const frame = this.#urgent.shift() ?? this.#bulk.shift();
    if (frame) {
      this.#wake();
      return Promise.resolve(frame);
    }
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  /** Takes no more frames; a last one may be given. What waits is still sent, unless `discard`. */
  close(options: { last?: FrameBody; discard?: boolean } = {}): void {
    if (!this.#closed && options.last && !this.#hand(options.last)) this.#bulk.push(options.last);
    this.#closed = true;
    if (options.discard) {
      this.#urgent.length = 0;
      this.#bulk.length = 0;
    }
    if (this.#urgent.length + this.#bulk.length === 0) this.#hand(undefined);
    this.#wake();
  }

  #hand(frame: FrameBody | undefined): boolean {
    const reader = this.#reader;
    if (!reader) return false;
    this.#reader = undefined;
    reader(frame);
    return true;
  }

  #wake(): void {
    for (const wake of this.#writers.splice(0)) wake();
  }
}
