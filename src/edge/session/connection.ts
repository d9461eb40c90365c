// One stream from Hello to its end. What is sent goes through one queue, and every frame of that has passed the gate. It keeps
// nothing that outlives the stream; edge-session.ts decides when there is another.
import { create, toBinary } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { type Condition, type ModelInfo, PingSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  type ConnectRequest,
  type ConnectResponse,
  type ConversationSummary,
  EdgeService,
  GoodbyeSchema,
  type Hello,
  type RunEnded,
  type SignedTime,
  type SignedToolCall,
  type Superseded,
  type Welcome,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { OutcomeSchema, RunState } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { EdgeTelemetry } from '../../../gen/bowline/telemetry/v1/telemetry_pb.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import type { Logger } from '../../base/logger.ts';
import { toAppError, toFailure } from '../../contract/errors.ts';
import { answerFrame } from '../../contract/session/answer-frame.ts';
import { FrameCounter } from '../../contract/session/frames.ts';
import { Heartbeat } from '../../contract/session/heartbeat.ts';
import { SendQueue } from '../../contract/session/send-queue.ts';
import type { AskFeed } from '../asks/ask-feed.ts';
import type { AskService } from '../asks/ask-service.ts';
import type { Identity } from '../identity/identity.ts';
import type { SessionFacts, ToolSink } from '../runner/tool-sink.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { transportTo } from './edge-transport.ts';
import { ENDS_NO_SESSION } from './ends-no-session.ts';
import { FrameWork } from './frame-work.ts';
import { type FrameBody, OutgoingFrames } from './outgoing-frames.ts';
import type { CallRunner, FrameGate, OwnerChannel, TelemetryChannel } from './ports.ts';
import { checkWelcome } from './welcome.ts';

export interface ConnectionDeps {
  readonly identity: Identity;
  readonly gate: FrameGate;
  readonly runner: CallRunner;
  readonly asks: AskService;
  readonly feed: AskFeed;
  readonly owners: OwnerChannel;
  /** Undefined: the owner lets nothing be told. */
  readonly telemetry?: TelemetryChannel | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: ConnectionOptions;
  /** Told what a conversation was about. */
  readonly onSummary?: (summary: ConversationSummary) => Promise<void>;
  /** The session may begin; nothing but Hello was sent. It may still be refused by throwing. */
  readonly welcomed: (welcome: Welcome) => Promise<void>;
  /** The control plane says which model would answer now. */
  readonly modelIs: (model: ModelInfo) => void;
  /** The control plane says what stands in the way of answers there. */
  readonly conditionsAre: (conditions: readonly Condition[]) => void;
  /** The journal's chain at a sequence. */
  readonly hashAt: (sequence: number) => Promise<Uint8Array | undefined>;
  /** The control plane says what time it is, in the session of this nonce. */
  readonly timeIs: (signed: SignedTime, sessionNonce: Uint8Array) => Promise<void>;
}

/** Small frames that may wait: pings and answers to pings. More means that the other side does not read. */
const MAX_SMALL = 1024;

/** What a byte of text takes until it is written. */
const TEXT_BYTES = 4;

/** How a stream ended. */
export type ConnectionEnd =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'drained' }
  | { readonly kind: 'superseded'; readonly message: Superseded }
  | { readonly kind: 'lost'; readonly error: AppError };

const noOutcome = () =>
  create(OutcomeSchema, {
    state: RunState.FAILED,
    failure: toFailure(new AppError('FRAME_MALFORMED', { problem: 'a run ended without an outcome' })),
  });

export class EdgeConnection {
  readonly #deps: ConnectionDeps;
  readonly #number: number;
  readonly #out: SendQueue<FrameBody, ConnectRequest>;
  readonly #frames: OutgoingFrames;
  readonly #counter = new FrameCounter();
  readonly #work = new FrameWork();
  readonly #abort = new AbortController();
  readonly #stops: (() => void)[] = [];
  #heartbeat: Heartbeat | undefined;
  #end: ConnectionEnd | undefined;
  #heartbeatMs: number;
  #pumping: Promise<void> | undefined;
  #again = false;
  #welcome: Welcome | undefined;
  #draining = false;
  #leaving: ConnectionEnd | undefined;

  /** @param number of this session within the process, from 1 */
  constructor(deps: ConnectionDeps, number: number, hello: Hello) {
    this.#deps = deps;
    this.#number = number;
    this.#frames = new OutgoingFrames(deps, deps.options.maxFrameBytes);
    this.#out = new SendQueue<FrameBody, ConnectRequest>({
      counter: this.#counter,
      maxFrames: MAX_SMALL,
      maxPaced: deps.options.bulkFrames,
      full: (_what, limit) => {
        const what = 'the number of frames that wait to be sent';
        this.#fail(fixedLimit(what, limit, 'the other side does not read'));
      },
      first: () => ({ case: 'hello', value: hello }),
      make: this.#frames.make,
    });
    this.#heartbeatMs = deps.options.heartbeatMs;
  }

  /** Dials, says Hello and stays until the stream ends. Never throws. */
  async run(): Promise<ConnectionEnd> {
    const { identity, options, clock } = this.#deps;
    const { manager, transport } = transportTo(identity, options);
    const headers = { authorization: `Bearer ${identity.keys.secret}` };
    this.#stops.push(clock.after(options.helloTimeoutMs, () => this.#silent(options.helloTimeoutMs)));
    try {
      const client = createClient(EdgeService, transport);
      for await (const frame of client.connect(this.#out.frames(), { headers, signal: this.#abort.signal })) {
        await this.#received(frame);
        if (this.#work.full) await this.#room();
        if (this.#end) break;
      }
      this.#finish({ kind: 'lost', error: new AppError('CLOSED', { what: 'the session' }) });
    } catch (error) {
      this.#finish({ kind: 'lost', error: this.#lostBy(error) });
    } finally {
      for (const stop of this.#stops.splice(0)) stop();
      this.#heartbeat?.stop();
      this.#out.abandon();
      this.#abort.abort();
      manager.abort();
    }
    await this.#pumping;
    return this.#end ?? { kind: 'stopped' };
  }

  /** Something of the asks may be due. */
  wake(): void {
    this.#pump();
  }

  /** Says goodbye after what waits, and ends. */
  leave(returns: boolean): void {
    const end: ConnectionEnd = { kind: returns ? 'drained' : 'stopped' };
    this.#leaving = end;
    this.#out.endWith({ case: 'goodbye', value: create(GoodbyeSchema) });
    this.#stops.push(this.#deps.clock.after(this.#deps.options.goodbyeMs, () => this.#abort.abort()));
    if (!this.#welcome) this.#finish(end);
  }

  /** A frame that cannot be taken is left out: a session that ended by it would be told it again. */
  async #received(frame: ConnectResponse): Promise<void> {
    this.#heartbeat?.heard();
    this.#counter.seen(frame.header);
    try {
      await this.#receive(frame);
    } catch (error) {
      if (!this.#welcome || !ENDS_NO_SESSION.has(frame.frame.case)) throw error;
      this.#deps.log.error('a frame of the control plane was not taken', error, { frame: frame.frame.case });
    }
  }

  async #room(): Promise<void> {
    // Nothing is read meanwhile, so silence says nothing of the other side.
    const waits = () => this.#heartbeat?.heard();
    await this.#work.room(this.#deps.clock, waits, () => this.#end !== undefined);
  }

  async #receive(frame: ConnectResponse): Promise<void> {
    const body = frame.frame;
    if (!this.#welcome && body.case !== 'superseded') {
      if (body.case !== 'welcome') throw new AppError('FRAME_MALFORMED', { problem: 'the first frame is not Welcome' });
      return this.#begin(body.value);
    }
    const { asks, runner, log } = this.#deps;
    switch (body.case) {
      case 'runText':
        asks.views.text(body.value);
        return;
      case 'runUpdate':
        asks.views.update(body.value);
        return;
      case 'askVerdict':
        this.#later('an outcome', asks.outcome(body.value));
        return;
      case 'runEnded':
        this.#ended(body.value);
        return;
      case 'runUnknown':
        asks.unknown(body.value.run);
        return;
      case 'conversationSummary':
        this.#summary(body.value);
        return;
      case 'toolCall':
        this.#call(body.value);
        return;
      case 'cancelTool':
        runner.cancel(body.value.job, body.value.epoch);
        return;
      case 'toolResultCommitted':
        this.#later('a settled result', runner.settled(body.value.idempotencyKey, body.value.job));
        return;
      case 'model':
        this.#deps.modelIs(body.value);
        return;
      case 'conditions':
        this.#deps.conditionsAre(body.value.conditions);
        return;
      case 'signedTime':
        this.#later('the time', this.#deps.timeIs(body.value, this.#welcome?.sessionNonce ?? new Uint8Array()));
        return;
      case 'ownerNote':
        this.#later('a note of an owner', this.#deps.owners.take(body.value), body.value.body.length);
        return;
      case 'ping':
      case 'pong':
        answerFrame(frame.header, body, this.#out);
        return;
      case 'drain':
        this.#drain(body.value.timeout ? durationMs(body.value.timeout) : 0);
        return;
      case 'superseded':
        this.#finish({ kind: 'superseded', message: body.value });
        return;
      case 'unimplemented':
        log.warn('the control plane did not know a frame', { seq: body.value.seq.toString() });
        return;
      case 'welcome':
        throw new AppError('FRAME_MALFORMED', { problem: 'a second Welcome' });
      case undefined: {
        if (!frame.$unknown?.length) throw new AppError('FRAME_MALFORMED', { problem: 'a frame without a body' });
        const seq = frame.header?.seq ?? 0n;
        log.warn('a frame of a newer version was answered as unimplemented', { seq: seq.toString() });
        answerFrame(frame.header, body, this.#out);
      }
    }
  }

  async #begin(welcome: Welcome): Promise<void> {
    const { identity, options, runner, asks } = this.#deps;
    checkWelcome(welcome, identity);
    for (const stop of this.#stops.splice(0)) stop();
    const theirs = welcome.limits?.maxFrameBytes ?? 0;
    if (theirs > 0) this.#frames.maxFrameBytes = Math.max(Math.min(theirs, options.maxFrameBytes), 64 << 10);
    const told = welcome.heartbeat ? durationMs(welcome.heartbeat) : 0;
    if (told > 0) this.#heartbeatMs = Math.min(Math.max(told, 100), 300_000);
    await this.#deps.welcomed(welcome);
    if (this.#end) return;
    this.#welcome = welcome;
    this.#stops.push(asks.onChange(() => this.#pump()));
    this.#heartbeat = new Heartbeat({
      clock: this.#deps.clock,
      intervalMs: this.#heartbeatMs,
      atOnce: true,
      ping: (nonce) => this.#out.offer({ case: 'ping', value: create(PingSchema, { nonce }) }),
      silent: (ms) => this.#silent(ms),
    });
    this.#pump();
    this.#track(runner.resend(this.#sink));
    this.#stops.push(this.#deps.owners.begin((note) => this.#out.push(note)));
    if (!welcome.telemetry || !this.#deps.telemetry) return;
    const tell = async (value: EdgeTelemetry) => void (await this.#out.push({ case: 'telemetry', value }));
    this.#stops.push(this.#deps.telemetry.begin(tell));
  }

  /** Sends what is due of the asks until nothing is; one at a time, in order. */
  #pump(): void {
    const welcome = this.#welcome;
    if (!welcome || this.#leaving || this.#end) return;
    this.#again = true;
    this.#pumping ??= (async () => {
      while (this.#again && !this.#end) {
        this.#again = false;
        for (;;) {
          const body = await this.#deps.feed.next(this.#number, welcome.durability);
          if (!body?.case || !(await this.#out.push(await this.#placed(body)))) break;
        }
      }
    })()
      .catch((error: unknown) => this.#fail(toAppError(error, this.#deps.log)))
      .finally(() => {
        this.#pumping = undefined;
      });
  }

  #call(call: SignedToolCall): void {
    const { identity, runner } = this.#deps;
    const { device, tenant, signingKey: key } = identity;
    const session: SessionFacts = {
      nonce: this.#welcome?.sessionNonce ?? new Uint8Array(),
      tenant,
      device,
      key,
    };
    const done = runner.handle(call, session, this.#sink);
    this.#work.add(done, call.signed.length);
    this.#track(done);
  }

  #ended({ run, outcome = noOutcome() }: RunEnded): void {
    // Of one that is not open nothing is written.
    const bytes = this.#deps.asks.isOpen(run) ? TEXT_BYTES * toBinary(OutcomeSchema, outcome).length : 0;
    this.#later('an answer', this.#deps.asks.ended(run, outcome), bytes);
  }

  /** What another edge was asked is none of this one's business. */
  #summary(summary: ConversationSummary): void {
    const { asks, onSummary } = this.#deps;
    if (!onSummary || asks.conversationOf(summary.run) !== summary.conversation) return;
    this.#later('a summary', onSummary(summary), TEXT_BYTES * summary.text.length);
  }

  readonly #sink: ToolSink = {
    progress: async (value) => void (await this.#out.push({ case: 'toolProgress', value })),
    held: async (value) => void (await this.#out.push({ case: 'toolHeld', value })),
    result: async (value) => void (await this.#out.push(await this.#placed({ case: 'toolResult', value }))),
  };

  /** What is acknowledged becomes the anchor of the journal, so it says where it stands in the chain. */
  async #placed(body: FrameBody): Promise<FrameBody> {
    if (body.case !== 'toolResult' && body.case !== 'ask') return body;
    const sequence = Number(body.value.sequence);
    if (sequence > 0) body.value.headSha256 = (await this.#deps.hashAt(sequence)) ?? new Uint8Array();
    return body;
  }

  #track(call: Promise<void>): void {
    call.catch((error: unknown) => this.#deps.log.error('a tool call failed inside', error));
  }

  /** @param bytes that it holds until it is done */
  #later(what: string, done: Promise<void>, bytes = 0): void {
    this.#work.add(done, bytes);
    done.catch((error: unknown) => this.#deps.log.error(`${what} could not be journaled; it comes again`, error));
  }

  /**
   * The replica leaves: connect again soon, not all edges at the same moment. What is under way goes on: asks are in the
   * journal, and a tool call that runs is attached to again by the next session.
   */
  #drain(ms: number): void {
    if (this.#draining) return;
    this.#draining = true;
    const { clock, log, options } = this.#deps;
    log.info('the control plane asks this edge to connect again', { deadlineMs: ms });
    const moment = options.random() * Math.min(options.drainSpreadMs, ms / 2);
    void sleep(clock, moment, this.#abort.signal).then(() => {
      if (!this.#end && !this.#leaving) this.leave(true);
    });
  }

  #silent(ms: number): void {
    this.#fail(new AppError('SESSION_SILENT', { ms }));
  }

  #fail(error: AppError): void {
    this.#finish({ kind: 'lost', error });
  }

  #finish(end: ConnectionEnd): void {
    this.#end ??= end.kind === 'superseded' ? end : (this.#leaving ?? end);
    this.#heartbeat?.stop();
    this.#abort.abort();
  }

  /** What the library says of a broken connection becomes one reason; what the control plane said stays. */
  #lostBy(error: unknown): AppError {
    const known = toAppError(error, this.#deps.log);
    if (known.reason !== 'UNAVAILABLE' && known.reason !== 'CANCELED' && known.reason !== 'ABORTED') return known;
    const { control } = this.#deps.identity;
    return new AppError('CONTROL_UNREACHABLE', { control, problem: known.message }, { cause: error });
  }
}
