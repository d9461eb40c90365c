// One call at work: who waits for its answer, its end by cancel or deadline, and what it has emitted so far.
import { type DescMethod, type Message, toBinary } from '@bufbuild/protobuf';
import type { ToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolResult } from '../../../gen/bowline/record/v1/record_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { GatedResponse } from '../egress/gate.ts';
import { addressOf, type CallAddress } from './answers.ts';
import type { ToolSink } from './tool-sink.ts';

/** Different jobs that may wait for one key. */
const MAX_WAITERS = 16;

export interface Waiter extends CallAddress {
  readonly sink: ToolSink;
}

export class Execution {
  readonly call: ToolCall;
  readonly digest: Uint8Array;
  readonly raw: Uint8Array[] = [];
  readonly gated: GatedResponse[] = [];
  readonly #abort = new AbortController();
  readonly #waiters = new Map<string, Waiter>();
  #bytes = 0;
  /** Takes it out of what is in hand. */
  over = (): void => {};

  constructor(call: ToolCall, digest: Uint8Array, sink: ToolSink) {
    this.call = call;
    this.digest = digest;
    this.attach(call, sink);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get waiters(): Waiter[] {
    return [...this.#waiters.values()];
  }

  /** Adds a repeat of the call; the newest attempt of a job takes the place of the ones before. */
  attach(call: ToolCall, sink: ToolSink): void {
    const known = this.#waiters.get(call.job);
    if (known && known.epoch > call.epoch) return;
    if (!known && this.#waiters.size >= MAX_WAITERS) throw new AppError('EDGE_BUSY');
    this.#waiters.set(call.job, { ...addressOf(call), sink });
  }

  /** From now on its answer goes to the session that has just begun: the one that brought the call is over. */
  moveTo(sink: ToolSink): void {
    for (const [job, waiter] of this.#waiters) this.#waiters.set(job, { ...waiter, sink });
  }

  /** Whether a call may share this one's answer: it is for the same run and the same eyes. */
  isFor(call: ToolCall): boolean {
    return call.run === this.call.run && call.recipient === this.call.recipient;
  }

  /** Cancels when the job is one of those that wait, at this attempt or an earlier one. */
  cancel(job: string, epoch: bigint): void {
    const waiter = this.#waiters.get(job);
    if (waiter && waiter.epoch <= epoch) this.abort(new AppError('CANCELED'));
  }

  abort(reason: AppError): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(reason);
  }

  /** Keeps a message. @throws RESULT_TOO_LARGE */
  keep(method: DescMethod, message: Message, maxBytes: number): void {
    const raw = toBinary(method.output, message);
    this.#bytes += raw.length;
    if (this.#bytes > maxBytes) throw new AppError('RESULT_TOO_LARGE');
    this.raw.push(raw);
  }

  /** To everyone who waits; from then on it is not at work. A sink that fails belongs to a session that has ended. */
  async tell(result: (to: CallAddress) => ToolResult): Promise<void> {
    this.over();
    await Promise.all(this.waiters.map((waiter) => waiter.sink.result(result(waiter)).catch(() => {})));
  }
}
