// The outgoing side of a session's stream: a bounded queue of what is to be said, in two lanes, then whatever a puller has. It makes
// frames of that, numbers them, and tells once when it ends; it never waits for its reader.
//
// High water: past its bounds `offer` ends the session, which resyncs by state, because its peer does not read. Low water: `push` waits
// until its own lane has room again. Nothing else is shed: what waits is dropped only with the session.
import type { FrameHeader } from '../../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { FrameCounter } from './frames.ts';

export interface SendQueueOptions<Body, Frame> {
  readonly counter: FrameCounter;
  /** What is offered and may wait for a slow peer. */
  readonly maxFrames: number;
  /** Payload bytes that may wait, as their senders state them; default 64 MiB. One frame may always wait. */
  readonly maxBytes?: number;
  /** What is pushed and may wait; a push waits for room below it. */
  readonly maxPaced?: number;
  /** A bound was passed: ends the session with that. It is ended without an error if this does not. */
  readonly full: (what: 'frames' | 'bytes', limit: number) => void;
  /** The first thing to say, before all else; made when the stream is first read. */
  readonly first?: () => Body;
  /** Makes the frame, without its header, that says it, or something in its place; nothing leaves it out. */
  readonly make: (body: Body) => Frame | undefined;
  /** Told when a frame gets its number, which is when it is handed to the stream. */
  readonly onSent?: (frame: Frame, seq: bigint) => void;
  /** Called when frames begin to leave after a pause, so that those of one moment can leave together. */
  readonly onBurst?: () => void;
}

interface Waiting<Body> {
  readonly body: Body;
  readonly bytes: number;
}

export class SendQueue<Body, Frame extends { header?: FrameHeader | undefined }> {
  readonly #options: SendQueueOptions<Body, Frame>;
  readonly #offered: Waiting<Body>[] = [];
  readonly #paced: Body[] = [];
  readonly #pushing: (() => void)[] = [];
  readonly #onEnd: (() => void)[] = [];
  #bytes = 0;
  #pull: () => Body | undefined = nothing;
  #wake: (() => void) | undefined;
  #ended: { error?: unknown } | undefined;
  #drained = false;
  /** Nothing was there when the last frame was asked for. */
  #idle = true;
  #first: (() => Body) | undefined;

  constructor(options: SendQueueOptions<Body, Frame>) {
    this.#options = options;
    this.#first = options.first;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Whether its reader has seen the end. */
  get drained(): boolean {
    return this.#drained;
  }

  /** As `offer`. Throws CLOSED instead of false. */
  send(body: Body, bytes = 0): void {
    if (!this.offer(body, bytes)) throw new AppError('CLOSED', { what: 'the session' });
  }

  /** Adds at once, before all that is pushed. False when the session has ended, or ends because too much waits. Never throws. */
  offer(body: Body, bytes = 0): boolean {
    if (this.#ended) return false;
    const { maxFrames, maxBytes = 64 << 20, full } = this.#options;
    const waiting = this.#offered.length;
    if (waiting >= maxFrames || (waiting > 0 && this.#bytes + bytes > maxBytes)) {
      if (waiting >= maxFrames) full('frames', maxFrames);
      else full('bytes', maxBytes);
      this.abandon();
      return false;
    }
    this.#offered.push({ body, bytes });
    this.#bytes += bytes;
    this.wake();
    return true;
  }

  /** Adds in order, waiting for room. False when the session ended first: it is not sent. */
  async push(body: Body): Promise<boolean> {
    const { maxPaced = 1 } = this.#options;
    while (!this.#ended) {
      if (this.#paced.length < maxPaced) {
        this.#paced.push(body);
        this.wake();
        return true;
      }
      await new Promise<void>((resolve) => this.#pushing.push(resolve));
    }
    return false;
  }

  /** Sets where more comes from when nothing waits, also after the end while there is any; it is asked again after `wake`. */
  pullFrom(pull: () => Body | undefined): void {
    this.#pull = pull;
    this.wake();
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Calls `run` when the session ends, whether or not its reader ever learns of it; at once when it has. */
  onEnd(run: () => void): void {
    if (this.#ended) run();
    else this.#onEnd.push(run);
  }

  /** Ends after what waits and what the puller has, or at once with an error. The first call counts. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = error === undefined ? {} : { error };
    if (error !== undefined) this.#drop();
    for (const run of this.#onEnd.splice(0)) run();
    for (const wake of this.#pushing.splice(0)) wake();
    this.wake();
  }

  /** Ends after what waits, and this last of all. */
  endWith(last: Body): void {
    if (this.#ended) return;
    this.#paced.push(last);
    this.#pull = nothing;
    this.end();
  }

  /** Ends at once, without an error: nothing more is sent. */
  abandon(): void {
    this.#drop();
    this.end();
  }

  /**
   * The frames, paced by the reader, one at a time. To be read once. No generator: what that has at hand when it stands still, such as the
   * frame before, it keeps for as long as the session is idle.
   */
  frames(): AsyncIterableIterator<Frame, undefined> {
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () => this.#frame(),
      return: () => {
        this.#drained = true;
        return Promise.resolve(END);
      },
    };
  }

  async #frame(): Promise<IteratorResult<Frame, undefined>> {
    while (!this.#drained) {
      const frame = this.#made();
      if (frame !== undefined) return { done: false, value: frame };
      if (this.#ended) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#idle = true;
    }
    this.#drained = true;
    return END;
  }

  /** The next frame, if there is one. Throws what the session ended with. */
  #made(): Frame | undefined {
    const { counter, make, onSent, onBurst } = this.#options;
    for (;;) {
      if (this.#ended && 'error' in this.#ended) {
        this.#drained = true;
        throw this.#ended.error;
      }
      const body = this.#next();
      if (body === undefined) return undefined;
      const frame = make(body);
      if (frame === undefined) continue;
      if (this.#idle) onBurst?.();
      this.#idle = false;
      const header = counter.next();
      frame.header = header;
      onSent?.(frame, header.seq);
      return frame;
    }
  }

  #next(): Body | undefined {
    const first = this.#first?.();
    this.#first = undefined;
    if (first !== undefined) return first;
    const offered = this.#offered.shift();
    if (offered) {
      this.#bytes -= offered.bytes;
      return offered.body;
    }
    const paced = this.#paced.shift();
    if (paced === undefined) return this.#pull();
    this.#pushing.shift()?.();
    return paced;
  }

  #drop(): void {
    this.#offered.length = 0;
    this.#paced.length = 0;
    this.#bytes = 0;
    this.#pull = nothing;
    this.#first = undefined;
  }
}

const nothing = () => undefined;
const END = { done: true, value: undefined } as const;
