// The client half of a session's stream, driven step by step by a test: frames in order, waits that are bounded, and the
// misbehaviour that a real client never shows (no answers to pings, no reading, frames as raw as they are given).
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { Http2SessionManager } from '@connectrpc/connect-node';
import { type FrameHeader, FrameHeaderSchema } from '../../gen/bowline/common/v1/common_pb.ts';
import { Channel } from '../../src/base/channel.ts';

interface Framed {
  readonly header?: FrameHeader | undefined;
  readonly frame: { case?: string | undefined; value?: unknown };
}

/** How long a wait of a test may take, in milliseconds. */
export const PATIENCE_MS = 10_000;

type Bodies<F extends Framed> = F['frame'];
type Value<F extends Framed, C> = Extract<Bodies<F>, { case: C }> extends { value: infer V } ? V : never;
export type CaseOf<F extends Framed> = Bodies<F>['case'] & string;

export interface StreamParts<In extends Framed, Out extends DescMessage> {
  readonly url: string;
  readonly schema: Out;
  readonly open: (
    manager: Http2SessionManager,
    frames: AsyncIterable<MessageShape<Out>>,
    signal: AbortSignal,
  ) => AsyncIterable<In>;
  /** Called for each frame that came, before it can be waited for. */
  readonly onFrame?: (frame: In) => void;
}

/** One stream. `In` is what comes, `Out` the schema of what goes. */
export class ScriptedStream<In extends Framed, Out extends DescMessage> {
  /** Everything that came, in order. */
  readonly frames: In[] = [];
  /** Resolves when the stream has ended, with its error if it had one. */
  readonly ended: Promise<ConnectError | undefined>;
  readonly #parts: StreamParts<In, Out>;
  readonly #outgoing = new Channel<MessageShape<Out>>(100_000);
  readonly #abort = new AbortController();
  readonly #manager: Http2SessionManager;
  readonly #waiting = new Set<() => void>();
  #sent = 0n;
  #received = 0n;
  #paused: Promise<void> | undefined;
  #resume: () => void = () => {};
  #over = false;

  constructor(parts: StreamParts<In, Out>) {
    this.#parts = parts;
    this.#manager = new Http2SessionManager(parts.url);
    this.ended = this.#read();
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Sends a frame with the next number. */
  send(frame: MessageInitShape<Out> extends { frame?: infer F } ? F : never): void {
    this.sendRaw({ header: this.header(), frame } as unknown as MessageInitShape<Out>);
  }

  /** Sends a frame as it is. */
  sendRaw(frame: MessageInitShape<Out>): void {
    const message: MessageShape<Out> = create(this.#parts.schema, frame);
    // `create` leaves out what the schema does not know.
    if ('$unknown' in frame) Object.assign(message, { $unknown: frame.$unknown });
    if (!this.#outgoing.closed) this.#outgoing.offer(message);
  }

  /** The head that the next frame should have. */
  header(): FrameHeader {
    this.#sent += 1n;
    return create(FrameHeaderSchema, { seq: this.#sent, ackSeq: this.#received });
  }

  /** Stops reading from the stream, so that its flow control stops the other side. */
  pause(): void {
    this.#paused = new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#paused = undefined;
    this.#resume();
  }

  /** Ends its own half properly. */
  finish(): void {
    this.#outgoing.close();
  }

  /** Cuts the connection. */
  async cut(): Promise<void> {
    this.resume();
    this.#abort.abort();
    this.#outgoing.close();
    this.#manager.abort();
    await this.ended;
  }

  all<C extends CaseOf<In>>(kind: C): Value<In, C>[] {
    return this.frames.flatMap(({ frame }) => (frame.case === kind ? [frame.value as Value<In, C>] : []));
  }

  /** The n-th frame of a kind, from 0. */
  frame<C extends CaseOf<In>>(kind: C, n = 0): Promise<Value<In, C>> {
    return this.until(() => this.all(kind)[n], `${kind} ${n}`);
  }

  /** Waits until `find` gives something, looking again at every frame. */
  async until<T>(find: () => T | undefined | false, what = 'a frame'): Promise<T> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = find();
      if (found !== undefined && found !== false) return found;
      const left = end - performance.now();
      if (left <= 0 || this.#over) {
        const seen = this.frames.map(({ frame }) => frame.case).join(' ');
        const end = this.#over ? `; it ended with ${(await this.ended)?.message ?? 'no error'}` : '';
        throw new Error(`waited in vain for ${what}; got ${seen.slice(-2000)}${end}`);
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, Math.min(left, 200));
        this.#waiting.add(wake);
      });
    }
  }

  async #read(): Promise<ConnectError | undefined> {
    try {
      for await (const frame of this.#parts.open(this.#manager, this.#frames(), this.#abort.signal)) {
        this.#received = frame.header?.seq ?? this.#received;
        this.frames.push(frame);
        this.#parts.onFrame?.(frame);
        this.#wake();
        if (this.#paused) await this.#paused;
      }
      return undefined;
    } catch (error) {
      return ConnectError.from(error, Code.Unknown);
    } finally {
      this.#over = true;
      this.#outgoing.close();
      this.#manager.abort();
      this.#wake();
    }
  }

  async *#frames(): AsyncGenerator<MessageShape<Out>> {
    for await (const frame of this.#outgoing) yield frame;
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
