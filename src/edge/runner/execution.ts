// One call at work: who waits for its answer, its end by cancel or deadline, what it has emitted so far, and whether it waits for the
// owner.
import { create, type DescMethod, type Message, toBinary } from '@bufbuild/protobuf';
import { type Duration, durationFromMs, type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type ToolCall, ToolHeldSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolResult } from '../../../gen/bowline/record/v1/record_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { GatedResponse } from '../egress/gate.ts';
import { callDigest } from '../journal/call-digest.ts';
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
  /** What a yes for this call alone is bound to. */
  readonly callDigest: string;
  readonly raw: Uint8Array[] = [];
  readonly gated: GatedResponse[] = [];
  readonly #abort = new AbortController();
  readonly #waiters = new Map<string, Waiter>();
  #bytes = 0;
  #told = false;
  /** Told how it ended, for each who waited. */
  onTold: ((result: ToolResult) => void) | undefined;
  /** Takes it out of what is in hand. */
  over = (): void => {};
  /** When it expires, as records tell it; undefined where the call does not say. */
  expireTime: Timestamp | undefined;
  /** Why it may run: the id of its approval, the id of a lasting grant, or why nobody had to be asked. Empty for none. */
  right = { approval: '', grant: '', unasked: '' };
  /** Whether it has waited for the owner: the time of its call is not its own any more. */
  waited = false;
  /** Whether what is not shared stays on the box: its owner said no, or cannot be asked. */
  keepsBack = false;
  #heldUntil: number | undefined;
  #holding = Promise.withResolvers<void>();

  constructor(call: ToolCall, digest: Uint8Array, sink: ToolSink) {
    this.call = call;
    this.digest = digest;
    this.callDigest = this.digestOf(addressOf(call));
    this.expireTime = call.expireTime;
    this.attach(call, sink);
  }

  /** What a yes for the call of one of those who wait would be bound to. */
  digestOf({ job, key }: CallAddress): string {
    return callDigest({ job, key, params: this.digest });
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

  /** Whether it waits for the owner. */
  get held(): boolean {
    return this.#heldUntil !== undefined;
  }

  /** Resolves when it waits for the owner. */
  get holding(): Promise<void> {
    return this.#holding.promise;
  }

  /** It waits for the owner, until then by the monotonic clock. */
  hold(until: number, now: number): void {
    this.waited = true;
    this.#heldUntil = until;
    this.tellHeld(now);
    this.#holding.resolve();
  }

  /** What it runs under is settled. */
  runsUnder({
    shown,
    unasked,
  }: {
    readonly shown: { approval: string; grant: string } | undefined;
    readonly unasked: string;
  }): void {
    this.right = { approval: shown?.approval ?? '', grant: shown?.grant ?? '', unasked };
  }

  /** It goes on. Whatever call of its key was signed before has expired by `expireTime`. */
  release(expireTime: number): void {
    if (this.#heldUntil === undefined) return;
    this.#heldUntil = undefined;
    this.#holding = Promise.withResolvers();
    this.expireTime = timestampFromMs(expireTime);
    this.#tellHeld({ over: true });
  }

  /** Tells everyone who waits that it is held, if it is. */
  tellHeld(now: number): void {
    if (this.#heldUntil !== undefined)
      this.#tellHeld({ left: durationFromMs(Math.round(Math.max(0, this.#heldUntil - now))) });
  }

  #tellHeld(how: { readonly left?: Duration; readonly over?: boolean }): void {
    for (const { job, epoch, key, sink } of this.waiters)
      sink.held(create(ToolHeldSchema, { job, epoch, idempotencyKey: key, ...how })).catch(() => {});
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

  /** Whether its answer is being told: who comes now is not among those who get it. */
  get told(): boolean {
    return this.#told;
  }

  /** To everyone who waits; from then on it is not at work. A sink that fails belongs to a session that has ended. */
  async tell(result: (to: CallAddress) => ToolResult): Promise<void> {
    this.over();
    this.#told = true;
    await Promise.all(
      this.waiters.map((waiter) => {
        const told = result(waiter);
        this.onTold?.(told);
        return waiter.sink.result(told).catch(() => {});
      }),
    );
  }
}
