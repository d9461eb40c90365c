// Runs tool calls: verified, looked up by their key, judged, journaled, executed and gated; how they end stands in call-ends.ts.
// Each call has one of three answers: done, never started, unknown. It never looks at files itself; the tools do.

import { create } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Failure } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  type OpenToolCall,
  OpenToolCallSchema,
  type SignedToolCall,
  type ToolCall,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolResult } from '../../../gen/bowline/record/v1/record_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { mark } from '../../base/loop-watch.ts';
import { toFailure } from '../../contract/errors.ts';
import { isHarmless } from '../../contract/policy.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { GrantUse } from '../approvals/call-grants.ts';
import { changedRecord } from '../approvals/held-call.ts';
import type { EdgeLimits } from '../config/edge-settings.ts';
import type { AnswerGate } from '../egress/gate.ts';
import type { Blobs } from '../journal/blobs.ts';
import type { CallEntry } from '../journal/call-book.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { Reservation } from '../journal/journal-types.ts';
import type { RecordInit } from '../journal/records.ts';
import type { CommitEnd } from '../tools/shell/preview/left-commits.ts';
import type { ToolSource, ToolsInForce } from '../tools/tool-source.ts';
import { addressOf, freedResult } from './answers.ts';
import { askToShare } from './ask-to-share.ts';
import { CallEnds } from './call-ends.ts';
import { CallTimes } from './call-times.ts';
import { Execution } from './execution.ts';
import type { RefusedAttempts } from './free-keys.ts';
import type { InHand } from './in-hand.ts';
import { declareUnknown, isRead, settleLeftCalls } from './left-calls.ts';
import { changedCallRecord, intentOf, OUTCOME_ROOM } from './outcome-records.ts';
import { type AskingDesk, askOwner, type CallPlan, type CoveringGrants, planCall, underGrant } from './plan-call.ts';
import type { RefusalCounts } from './refusal-counts.ts';
import { Repeats, type RestoreOrigins } from './repeats.ts';
import { responseOut } from './response-out.ts';
import { SettledResults } from './settled-results.ts';
import { Slots } from './slots.ts';
import type { Suspects } from './suspects.ts';
import type { SessionFacts, ToolSink } from './tool-sink.ts';
import { paramsDigest, verifyCall } from './verify-call.ts';

export interface RunnerParts {
  readonly journal: Pick<
    EdgeJournal,
    'append' | 'reserve' | 'calls' | 'refusals' | 'outcome' | 'entry' | 'now' | 'time' | 'signedTime' | 'acknowledged'
  >;
  readonly gate: AnswerGate;
  /** The served methods, with their tools as the configuration of now has them. */
  readonly tools: ToolSource;
  readonly blobs: Pick<Blobs, 'put' | 'get' | 'remove' | 'keep'>;
  /** Asks the owner. Nothing of it answers. */
  readonly desk: AskingDesk;
  /** Which calls it need not be asked about, and how often. Nothing of it makes a grant. */
  readonly callGrants: CoveringGrants;
  readonly bootId: string;
  /** Where calls without an intent are written down while they are at work. */
  readonly inHand: InHand;
  /** What the start found of commits that the last end cut off, by the keys of their calls. */
  readonly commitEnds: ReadonlyMap<string, CommitEnd>;
  /** Requests that are not run again. */
  readonly suspects: Suspects;
  /** Attempts that were refused and whose keys are free. */
  readonly refused: RefusedAttempts;
  readonly limits: EdgeLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly restore: () => Promise<RestoreOrigins>;
  /** Told of each call that begins; what it gives is told of its answers. */
  readonly onCall?: (call: ToolCall) => (result: ToolResult) => void;
}

export class ToolRunner {
  readonly #parts: RunnerParts;
  readonly #methods: ReadonlyMap<string, CapabilityMethod>;
  readonly #slots: Slots;
  readonly #repeats: Repeats;
  readonly #settled: SettledResults;
  readonly #ends: CallEnds;
  readonly #times: CallTimes;
  readonly #active = new Map<string, { execution: Execution; done: Promise<void> }>();
  #stopping = false;
  #calls = 0;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.#methods = new Map(parts.tools.methods.map((method) => [method.fullName, method]));
    this.#slots = new Slots(parts.limits.parallel, parts.limits.queue);
    this.#times = new CallTimes(parts);
    this.#settled = new SettledResults(parts);
    this.#ends = new CallEnds({ ...parts, settled: this.#settled });
    this.#repeats = new Repeats({ ...parts, method: (name) => this.#methods.get(name) });
  }

  /** Says what became of the calls that an earlier start left without an outcome, before the first session. */
  recover(): ReturnType<typeof settleLeftCalls> {
    return settleLeftCalls(this.#parts);
  }

  /**
   * Answers a tool call through the sink; resolves when it has. @throws TOOL_CALL_FORGED, CALL_FOREIGN when it cannot be
   * told whose call it is; JOURNAL_FAILED when the process must end
   */
  async handle(signed: SignedToolCall, session: SessionFacts, sink: ToolSink): Promise<void> {
    const call = verifyCall(signed, session);
    this.#calls++;
    this.#times.signed(call);
    // Nothing is awaited: from its verification on a call is among the open ones, so that a Hello which lacks it is proof that it never began.
    await this.#answer(call, sink);
  }

  /** Answers a call of this box's own, which nobody signed; else as `handle`. */
  own(call: ToolCall, sink: ToolSink): Promise<void> {
    return this.#answer(call, sink);
  }

  /** Stops a call, whether it waits or runs, up to this attempt. */
  cancel(job: string, epoch: bigint): void {
    for (const { execution } of this.#active.values()) execution.cancel(job, epoch);
    this.#parts.desk.withdraw(job, (key) => this.#active.has(key));
  }

  /** Calls that run or wait for the owner, and those whose results are to be sent again, for Hello. A READ that ended is simply run again. */
  openCalls(): OpenToolCall[] {
    const active = [...this.#active.values()].flatMap(({ execution }) => execution.waiters);
    // One that waits since an earlier start has no execution yet: it is listed, so that it is cancelled if nobody wants it any more.
    const asked = this.#parts.desk.open().filter(({ key }) => !this.#active.has(key));
    const running = [...active, ...asked].map(({ job, key }) =>
      create(OpenToolCallSchema, { job, idempotencyKey: key, running: true }),
    );
    const ended = this.#unsettled().map(({ job, key }) => create(OpenToolCallSchema, { job, idempotencyKey: key }));
    return [...running, ...ended].slice(0, 1024);
  }

  /**
   * For a new session: sends unsettled results again, judged by today's grants and entered in the ledger again. What still runs
   * answers there too; a call that was cancelled meanwhile does not come again, and would answer a session that is over.
   */
  async resend(sink: ToolSink): Promise<void> {
    for (const { execution } of this.#active.values()) {
      execution.moveTo(sink);
      execution.tellHeld(this.#parts.clock.monotonic());
    }
    for (const entry of this.#unsettled()) await sink.result(await this.#repeats.again(entry));
  }

  /**
   * The control plane has the result of this key for this job. Written down with the next record, or within a second. A key that was
   * free belongs to a later job by now, whose result it may not have.
   */
  async settled(key: string, job: string): Promise<void> {
    this.#settled.add(key, job);
  }

  /** Starts nothing new, waits for what runs, stops the rest; what waits for the owner stays in the journal. Resolves true when all ended by itself. */
  async drain(ms: number): Promise<boolean> {
    this.#stopping = true;
    const clean = await this.#idleWithin(ms);
    if (!clean) {
      for (const { execution } of this.#working()) execution.abort(new AppError('EDGE_STOPPING'));
      await this.#idleWithin(5000);
    }
    if (clean) await this.#idleWithin(1000); // What came meanwhile was refused, and is told so.
    this.#settled.flush();
    this.#ends.flushRefusals();
    return clean;
  }

  /** Refused calls since the start. */
  get refusals(): RefusalCounts {
    return this.#ends.refusals;
  }

  /** Tool calls since the start. */
  get calls(): number {
    return this.#calls;
  }

  async #answer(call: ToolCall, sink: ToolSink): Promise<void> {
    const key = call.idempotencyKey;
    const refused = this.#parts.refused.get(call);
    if (refused) return sink.result(freedResult(addressOf(call), refused, 0));
    const digest = paramsDigest(call);
    const active = this.#active.get(key);
    if (active) {
      if (Buffer.compare(active.execution.digest, digest) !== 0)
        return this.#ends.refuse(call, new AppError('KEY_REUSED'), sink);
      if (!active.execution.told && active.execution.isFor(call)) {
        active.execution.attach(call, sink);
        active.execution.tellHeld(this.#parts.clock.monotonic());
        return Promise.race([active.done, active.execution.holding]);
      }
      if (active.execution.held && !active.execution.told)
        return this.#ends.refuse(call, new AppError('EDGE_BUSY'), sink);
      // Other eyes, or too late for its answer: judged anew from what was recorded, once it is.
      await (active.execution.told ? active.done : Promise.race([active.done, active.execution.holding]));
      return this.#answer(call, sink);
    }
    const known = key === '' ? undefined : this.#parts.journal.calls.get(key);
    if (known) {
      const other = known.params !== '' && !Buffer.from(digest).toString('hex').startsWith(known.params);
      if (other) return this.#ends.refuse(call, new AppError('KEY_REUSED'), sink);
      if (known.state === 'intent') await declareUnknown(this.#parts.journal, known);
      const now = this.#parts.journal.calls.get(key);
      if (now && !isRead(now)) return sink.result(await this.#repeats.answer(now, addressOf(call), call));
    }
    const execution = new Execution(call, digest, sink);
    execution.onTold = this.#parts.onCall?.(call);
    const done = this.#run(execution).finally(() => this.#active.delete(key));
    this.#active.set(key, { execution, done });
    // Whoever brought it has nothing to wait for while the owner is asked.
    done.catch((error: unknown) => {
      if (execution.waited) this.#parts.log.error('a call that was held failed inside', error, { job: call.job });
    });
    return Promise.race([done, execution.holding]);
  }

  /** From the beginning, again after each answer of the owner: nothing that was judged before it counts any more. */
  async #run(execution: Execution): Promise<void> {
    while ((await this.#attempt(execution)) === 'again') {
      // Whatever was signed for this key by now has expired by then.
      execution.release(this.#times.latestExpiry);
    }
  }

  async #attempt(execution: Execution): Promise<'again' | 'ended'> {
    const { call } = execution;
    let stopDeadline = this.#deadline(execution);
    let release: (() => void) | undefined;
    let plan: CallPlan | undefined;
    try {
      let room: Reservation | undefined;
      let tools: ToolsInForce;
      let admitted = false;
      try {
        tools = await this.#parts.tools.current(execution.signal);
        this.#holdInHand(execution);
        this.#admit(execution);
        admitted = true;
        plan = planCall(execution, this.#served(tools, call), this.#parts.desk);
        execution.over();
        const inPlace = <T>(act: () => Promise<T>) => this.#inPlace(execution, act);
        plan = (await underGrant(this.#parts.callGrants, execution, plan, inPlace)) ?? plan;
        const now = () => this.#parts.clock.monotonic();
        const waits = (leftMs: number) => execution.hold(now() + leftMs, now());
        if (plan.asks) {
          stopDeadline();
          const asked = await askOwner(this.#parts.desk, execution, plan.asks, inPlace, waits);
          if (asked.kind === 'refused') await this.#ends.refusedByOwner(execution, asked.why);
          return asked.kind === 'ready' ? 'again' : 'ended';
        }
        if (plan.share) {
          stopDeadline();
          if (await askToShare(this.#parts, execution, plan, inPlace, waits)) return 'again';
          stopDeadline = this.#deadline(execution);
        }
        release = await this.#slots.reserve(execution.signal);
        execution.signal.throwIfAborted();
        if (!this.#parts.tools.isCurrent(tools)) return 'again';
        this.#times.check(execution);
        const use = plan.shown?.grant ? this.#parts.callGrants.take(plan.shown.grant) : undefined;
        if (plan.shown?.grant && !use) return 'again';
        room = await this.#begin(execution, plan, use).finally(() => use?.written());
        if (!room) this.#holdInHand(execution);
      } catch (error) {
        execution.over();
        const judged = plan !== undefined || (admitted && this.#wasAsked(execution));
        await this.#ends.neverStarted(execution, this.#methods.get(call.method), judged, error);
        return 'ended';
      }
      // An edit that was finished before it begins counts.
      if (!this.#parts.tools.isCurrent(tools)) return await this.#giveUp(execution, room);
      let failure: Failure | undefined;
      try {
        // What comes to its end is whole, also when the deadline passed meanwhile: a tool that was stopped throws.
        mark(plan.method.shortName);
        const { grant } = execution.right;
        if (grant !== '' && !this.#parts.callGrants.holds(grant)) throw new AppError('APPROVAL_CHANGED');
        await plan.work(responseOut(this.#parts, execution, plan.method, plan.origins), plan.shown?.effect);
      } catch (error) {
        failure = toFailure(error, this.#parts.log);
      }
      if (plan.shown && room && failure?.reason === 'APPROVAL_CHANGED' && execution.raw.length === 0) {
        const { approval } = plan.shown;
        return await this.#giveUp(execution, room, approval === '' ? [] : [changedRecord(approval)]);
      }
      await this.#ends.finish(execution, plan, failure, room);
      return 'ended';
    } finally {
      execution.over();
      stopDeadline();
      release?.();
    }
  }

  /** Before anything of it happened, to be judged anew. */
  async #giveUp(execution: Execution, room: Reservation | undefined, over: readonly RecordInit[] = []) {
    if (room) await this.#parts.journal.append([changedCallRecord(execution), ...over], { use: room });
    return 'again' as const;
  }

  /** Should it end the process, the next start knows it by this. */
  #holdInHand(execution: Execution): void {
    execution.over = this.#parts.inHand.begin(intentOf(execution, this.#parts.bootId));
  }

  /** In one of the places for calls, and in the call's own time. */
  async #inPlace<T>(execution: Execution, act: () => Promise<T>): Promise<T> {
    const stopDeadline = this.#deadline(execution);
    let release: (() => void) | undefined;
    try {
      release = await this.#slots.reserve(execution.signal);
      this.#holdInHand(execution);
      return await act();
    } finally {
      execution.over();
      stopDeadline();
      release?.();
    }
  }

  /** Everything that can refuse a call before it is looked at what it asks for. */
  #admit(execution: Execution): void {
    const { call, digest } = execution;
    if (this.#stopping) throw new AppError('EDGE_STOPPING');
    if (this.#parts.suspects.has(digest, () => this.#wasAsked(execution))) throw new AppError('CALL_ENDED_PROCESS');
    if (call.idempotencyKey === '') throw new AppError('INVALID_ARGUMENT', { what: 'the call has no idempotency key' });
    this.#times.check(execution);
    this.#parts.journal.calls.admit(execution.expireTime, this.#parts.journal.time.surelyPast());
  }

  #served(tools: ToolsInForce, { method }: ToolCall) {
    const served = tools.get(method);
    if (!served) throw new AppError('METHOD_NOT_SERVED');
    return served;
  }

  /** Whether the owner was asked about this very call: what refuses it now, such as an edit of the configuration, ends that. */
  #wasAsked({ call: { run, job, idempotencyKey: key }, digest: params }: Execution): boolean {
    try {
      return this.#parts.desk.askedFor({ key, params, run, job }) !== undefined;
    } catch {
      // Something else was asked under this key.
      return false;
    }
  }

  /** For an effect: room for the outcome, then the intent, synced. */
  async #begin(execution: Execution, plan: CallPlan, use?: GrantUse): Promise<Reservation | undefined> {
    execution.runsUnder(plan);
    if (isHarmless(plan.method.effect)) return undefined;
    const room = await this.#parts.journal.reserve(OUTCOME_ROOM, 2);
    try {
      await this.#parts.journal.append([
        { case: 'intent', value: intentOf(execution, this.#parts.bootId) },
        ...(use?.ends ?? []),
      ]);
      return room;
    } catch (error) {
      room.release();
      throw error;
    }
  }

  #unsettled(): CallEntry[] {
    return this.#parts.journal.calls
      .open()
      .filter((entry) => entry.state !== 'intent' && !isRead(entry) && !this.#active.has(entry.key));
  }

  #deadline(execution: Execution): () => void {
    const { timeout } = execution.call;
    if (!timeout) return () => {};
    const ms = durationMs(timeout);
    return this.#parts.clock.after(ms, () => execution.abort(new AppError('DEADLINE_EXCEEDED', { after: `${ms} ms` })));
  }

  #working = () => [...this.#active.values()].filter(({ execution }) => !execution.held);

  async #idleWithin(ms: number): Promise<boolean> {
    const all = Promise.allSettled(
      this.#working().map(({ execution, done }) => Promise.race([done, execution.holding])),
    );
    let stop = () => {};
    const late = new Promise<false>((resolve) => {
      stop = this.#parts.clock.after(ms, () => resolve(false));
    });
    const idle = await Promise.race([all.then(() => true as const), late]);
    stop();
    return idle;
  }
}
