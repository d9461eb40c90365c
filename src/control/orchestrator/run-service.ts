// Takes commands to runs, one at a time per conversation, decides, commits, and tells who listens. It holds no truth: every
// state is the fold of the store's events, and a cache that is behind only costs a conflict.
import type { ConversationEvent, OfferedTool, RunEvent } from '../../../gen/bowline/event/v1/event_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import { toFailure } from '../../contract/errors.ts';
import type { MethodRegistry } from '../../contract/registry.ts';
import { versionNeeded } from '../store/event-version.ts';
import type { SetAside, SetAsideRun } from '../store/set-aside.ts';
import type { CommitResult, EventStore, OutboxRow, TimerRow } from '../store/unit.ts';
import { badAsk, badCall } from './ask-bounds.ts';
import { type Ask, type Call, type SubmitResult, sameAsk, submittedAsk, submittedCall } from './asks.ts';
import { decodeOutcome, Nonces, sameOutcome } from './command-outcome.ts';
import type { RunRequest } from './commands.ts';
import { commitSurely } from './committer.ts';
import { type ConversationState, enqueue, evolveConversation, leave, titleOf, turnTakenBy } from './conversation.ts';
import { type Decision, decide } from './decide.ts';
import { historyFor, lastSummary } from './earlier-runs.ts';
import { readConversationEvent, readRunEvent } from './event-codec.ts';
import { evolve } from './evolve.ts';
import type { HandOff } from './hand-off.ts';
import { DEFAULT_LIMITS, type OrchestratorLimits } from './limits.ts';
import { Mailboxes } from './mailbox.ts';
import { boundBy } from './recipients.ts';
import { isEnded, type RunState } from './state.ts';
import { StreamCache } from './stream-cache.ts';
import {
  buildUnit,
  type Changes,
  type CommandId,
  type ConversationChange,
  type RunChange,
  runChange,
} from './unit-builder.ts';
import { ifReadable, isUnreadable } from './unreadable.ts';

export interface RunServiceParts {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly methods: MethodRegistry;
  /** Tools that a run may use; the device is empty for an ask without one. */
  readonly tools: (wanted: WantedTools) => Promise<readonly OfferedTool[]>;
  /** Hosts that runs may call after they have read private content; default none. */
  readonly hosts?: readonly string[];
  readonly limits?: Partial<OrchestratorLimits>;
  /** Epochs of attempts begin above it; default 0. */
  readonly epochBase?: () => number;
  /** Whether no work of this tenant may be given out; default: never. */
  readonly standsStill?: (tenant: string) => boolean;
  /** Where runs go whose history cannot be read; default: they are only told apart. */
  readonly setAside?: Pick<SetAside, 'add' | 'find' | 'resume' | 'end'>;
  /** Whether every live replica knows the events of this version; default: this is the only one. */
  readonly allKnow?: (version: number) => Promise<boolean>;
  /** Runs and conversations kept folded; default 10,000 (and 128 MiB). */
  readonly cacheRuns?: number;
}

/** For whom tools are looked up. */
export interface WantedTools {
  readonly tenant: string;
  /** Device that asked; may be empty. */
  readonly device: string;
  /** Who may see what the tools are given; empty is any. */
  readonly recipients: readonly string[];
  /** Whether there are collections to look into. */
  readonly collections: boolean;
}

/** What one commit changed in one run. */
export interface Committed {
  readonly tenant: string;
  readonly run: string;
  readonly state: RunState;
  readonly events: readonly RunEvent[];
  readonly outboxAdded: readonly OutboxRow[];
  readonly outboxDone: readonly string[];
  readonly timersAdded: readonly TimerRow[];
}

/** Either an answer, or what to commit and how to answer then. */
type Thought<T> = { readonly answer: T } | { readonly changes: Changes; readonly answer: T };

/** Conflicts in a row before a command is given back to its caller. */
const MAX_ROUNDS = 16;
const CACHE_BYTES = 128 << 20;

export class RunService {
  readonly #parts: RunServiceParts;
  readonly #limits: OrchestratorLimits;
  readonly #runs: StreamCache<RunState, RunEvent>;
  readonly #conversations: StreamCache<ConversationState, ConversationEvent>;
  readonly #mailboxes = new Mailboxes();
  readonly #nonces = new Nonces();
  readonly #listeners = new Set<(committed: Committed) => void>();
  readonly #settingAside = new Map<string, Promise<void>>();
  #handOff: HandOff | undefined;

  constructor(parts: RunServiceParts) {
    this.#parts = parts;
    this.#limits = { ...DEFAULT_LIMITS, ...parts.limits };
    const shared = { store: parts.store, maxStreams: parts.cacheRuns ?? 10_000, maxBytes: CACHE_BYTES };
    this.#runs = new StreamCache({
      ...shared,
      read: readRunEvent,
      evolve,
      unreadable: (tenant, run, cause) => {
        const problem = problemOf(cause);
        this.#setAside(tenant, run, problem);
        return new AppError('RUN_SET_ASIDE', { run, problem }, { cause });
      },
    });
    this.#conversations = new StreamCache({
      ...shared,
      read: readConversationEvent,
      evolve: evolveConversation,
      unreadable: (_tenant, conversation, cause) =>
        new AppError('CONVERSATION_UNREADABLE', { conversation, problem: problemOf(cause) }, { cause }),
    });
  }

  /**
   * Accepts a question, or refuses it for good. Asking again with the same run or command is answered the same. Throws when
   * the store does not answer; then ask again.
   */
  async submit(tenant: string, ask: Ask): Promise<SubmitResult> {
    const bad = badAsk(ask);
    if (bad) return { refused: toFailure(bad) };
    return this.#take(
      tenant,
      ask.conversation,
      (fresh) => this.#thinkSubmit(tenant, ask, fresh),
      ({ refused }) => (refused ? { refused } : { accepted: true }),
    );
  }

  /** Starts a run of one job. The run in the answer is the first one that came with this command id. */
  async call(tenant: string, call: Call): Promise<{ readonly run: string }> {
    const bad = badCall(call);
    if (bad) throw bad;
    return this.#take(
      tenant,
      call.run,
      (fresh) => this.#thinkCall(tenant, call, fresh),
      ({ run }) => ({ run }),
    );
  }

  /** The run of a command that was taken before; undefined when there was none, or it is too old to be remembered. */
  async runOf(tenant: string, { source, commandId }: CommandId): Promise<string | undefined> {
    const outcome = await this.#parts.store.outcome(tenant, source, commandId);
    return outcome && decodeOutcome(outcome).run;
  }

  /**
   * Applies a command to an existing run. `duplicate`: it was applied before. `ignored`: it changes nothing (any more), or
   * there is no such run. Throws when the store does not answer; then send it again with the same id.
   */
  async command(
    tenant: string,
    run: string,
    request: RunRequest,
    id: CommandId,
  ): Promise<'applied' | 'duplicate' | 'ignored'> {
    const known = await this.#runs.get(tenant, run);
    if (!known) return 'ignored';
    return this.#take(
      tenant,
      known.conversation || run,
      (fresh) => this.#thinkCommand(tenant, run, request, id, fresh),
      () => 'duplicate',
    );
  }

  /**
   * The state of a run as the store has it. With `at` (a row of the outbox will do) the cached state is enough when it
   * knows that attempt, which saves the look into the store.
   */
  async state(tenant: string, run: string, at?: { job: string; epoch: number }): Promise<RunState | undefined> {
    const cached = at && this.#runs.peek(tenant, run);
    if (cached && (cached.jobs.get(at.job)?.epoch ?? 0) >= at.epoch) return cached;
    return (await this.#runs.refresh(tenant, run)).state;
  }

  /** The version of a run that is known here without a look into the store; 0 when none is. */
  versionKnown(tenant: string, run: string): number {
    return this.#runs.peek(tenant, run)?.version ?? 0;
  }

  /** The line of a conversation as the store has it. */
  async conversation(tenant: string, id: string): Promise<ConversationState | undefined> {
    return (await this.#conversations.refresh(tenant, id)).state;
  }

  /** The last summary of a conversation; empty when there is none. */
  async summary(tenant: string, conversation: string): Promise<string> {
    return lastSummary(this.#runs, tenant, await this.conversation(tenant, conversation));
  }

  /**
   * Tries to read a run that was set aside, and lets it go on where it stood. Throws RUN_SET_ASIDE when it still cannot be read, and
   * RUN_NOT_SET_ASIDE.
   */
  async retry(tenant: string, run: string): Promise<void> {
    const known = await this.setAside(tenant, run);
    if (!known || known.ended) throw new AppError('RUN_NOT_SET_ASIDE', { run });
    this.#runs.forget(tenant, run);
    const { state } = await this.#runs.refresh(tenant, run);
    if (state?.phase === 'waiting') await this.#rejoin(state);
    await this.#parts.setAside?.resume(tenant, run);
  }

  /** A run that was set aside, and whether its owner ended it; undefined when it was not. */
  async setAside(tenant: string, run: string): Promise<SetAsideRun | undefined> {
    // It may just have been met for the first time.
    await this.#settingAside.get(`${tenant}/${run}`);
    return this.#parts.setAside?.find(tenant, run);
  }

  /** Ends a run that was set aside, without reading it; no version reads it afterwards. Throws RUN_NOT_SET_ASIDE. */
  async endSetAside(tenant: string, run: string, how: 'failed' | 'cancelled', by: string): Promise<void> {
    // It may just have been met for the first time.
    await this.#settingAside.get(`${tenant}/${run}`);
    if (await this.#parts.setAside?.end(tenant, run, how, by)) return;
    throw new AppError('RUN_NOT_SET_ASIDE', { run });
  }

  /** Hears of every commit of this replica, right after it, once per run. What is heard is a hint; the store is the truth. */
  onCommitted(listener: (committed: Committed) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** From now on jobs are promised to this port before they are committed. */
  handOffThrough(handOff: HandOff): void {
    this.#handOff = handOff;
  }

  /** Runs the thought in the mailbox of its group until it is committed, answered or given up. */
  #take<T>(
    tenant: string,
    group: string,
    think: (fresh: boolean) => Promise<Thought<T>>,
    again: (outcome: ReturnType<typeof decodeOutcome>) => T,
  ): Promise<T> {
    return this.#mailboxes.run(`${tenant}\0${group}`, async () => {
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const thought = await think(round > 0);
        if (!('changes' in thought)) return thought.answer;
        const result = await this.#commit(thought.changes);
        if (result.status === 'committed') return thought.answer;
        if (result.status === 'fenced') throw new AppError('SUPERSEDED', { device: 'NAME' });
        if (result.status === 'duplicate') return again(decodeOutcome(result.outcome));
      }
      throw new AppError('RUN_CONTENDED');
    });
  }

  async #commit(changes: Changes): Promise<CommitResult> {
    const { tenant, runs, conversations } = changes;
    const promised = this.#promise(runs);
    const holderOf = (id: string) => (promised.has(id) ? this.#handOff?.replica : undefined);
    const unit = buildUnit(changes, this.#nonces.next(), holderOf);
    try {
      const needed = versionNeeded(unit.parts.flatMap(({ events }) => events.map(({ type }) => type)));
      // An older replica beside this one could not read it.
      if (needed > 0 && !(await (this.#parts.allKnow?.(needed) ?? true))) throw new AppError('VERSIONS_MIXED');
      const result = await commitSurely(this.#parts, unit);
      if (result.status !== 'committed') {
        const own = result.status === 'duplicate' && sameOutcome(result.outcome, unit.outcome);
        // The same dispatch may have been made by another replica, for itself.
        if (!own) this.#handOff?.withdraw(promised);
        await this.#catchUp(changes);
        return own ? { status: 'committed', at: this.#parts.clock.now() } : result;
      }
      const bytes = new Map(
        unit.parts.map(({ stream, events }) => [stream, events.reduce((n, e) => n + e.data.length, 0)]),
      );
      for (const { after } of runs) this.#runs.put(tenant, after.id, after, bytes.get(after.id) ?? 0);
      for (const { after } of conversations) this.#conversations.put(tenant, after.id, after, bytes.get(after.id) ?? 0);
      for (const change of runs) this.#tell(change);
      return result;
    } catch (error) {
      // Whether it was written is not known, so nothing that is cached of these streams is.
      for (const { after } of runs) this.#runs.forget(tenant, after.id);
      for (const { after } of conversations) this.#conversations.forget(tenant, after.id);
      throw error;
    } finally {
      this.#handOff?.withdraw(promised);
    }
  }

  #promise(runs: readonly RunChange[]): Set<string> {
    const promised = new Set<string>();
    for (const { after, effects } of runs) {
      if (this.#parts.standsStill?.(after.tenant)) continue;
      for (const row of effects.outbox) {
        if (row.target !== 'worker' || row.state !== 'ready') continue;
        const method = after.jobs.get(row.job)?.method ?? '';
        if (this.#handOff?.promise({ ...row, tenant: after.tenant, method })) promised.add(row.dispatchId);
      }
    }
    return promised;
  }

  /** Reads what others, or a lost answer of our own, wrote; the latter nobody has told yet. */
  async #catchUp({ tenant, runs, conversations }: Changes): Promise<void> {
    const names = new Set(runs.map(({ after }) => after.id));
    // One that cannot be read is nobody's obstacle.
    for (const { after } of conversations) {
      const line = (await ifReadable(this.#conversations.refresh(tenant, after.id)))?.state;
      if (line?.active) names.add(line.active);
    }
    for (const name of names) {
      const read = await ifReadable(this.#runs.refresh(tenant, name));
      if (!read?.state || read.events.length === 0) continue;
      this.#tell(runChange(read.before, read.state, read.events, this.#parts.clock.now()));
    }
  }

  #tell({ after, events, effects }: RunChange): void {
    if (events.length === 0) return;
    const committed: Committed = {
      tenant: after.tenant,
      run: after.id,
      state: after,
      events,
      outboxAdded: effects.outbox,
      outboxDone: effects.outboxDone,
      timersAdded: effects.timers,
    };
    for (const listener of this.#listeners) {
      try {
        listener(committed);
      } catch (error) {
        this.#parts.log.error('a listener of commits failed', error, { run: after.id });
      }
    }
  }

  async #thinkSubmit(tenant: string, ask: Ask, fresh: boolean): Promise<Thought<SubmitResult>> {
    // At first a run that is not known here is taken for new: the commit says otherwise.
    let known = this.#runs.peek(tenant, ask.run);
    try {
      if (fresh) known = (await this.#runs.refresh(tenant, ask.run)).state;
    } catch (error) {
      // It is there; what became of it is told to those who follow it.
      if (isUnreadable(error)) return { answer: { accepted: true } };
      throw error;
    }
    if (known) return { answer: sameAsk(known, ask) };
    const isFull = (each: ConversationState | undefined) => (each?.waiting.length ?? 0) >= this.#limits.maxWaitingRuns;
    let line = this.#conversations.peek(tenant, ask.conversation);
    if (fresh || isFull(line)) line = (await this.#conversations.refresh(tenant, ask.conversation)).state;
    const at = this.#parts.clock.now();
    const first = this.#decide(undefined, { type: 'submit', submitted: submittedAsk(tenant, ask, this.#limits), at });
    if (isFull(line)) {
      const what = 'the number of runs that wait in this conversation';
      const remedy = 'wait for some, or begin another conversation';
      const refused = toFailure(fixedLimit(what, this.#limits.maxWaitingRuns, remedy));
      const second = this.#decide(first.state, { type: 'refuse', failure: refused, at });
      const run = runChange(undefined, second.state, [...first.events, ...second.events], at);
      const changes = { tenant, id: ask, outcome: { run: ask.run, refused }, runs: [run], conversations: [] };
      return { changes: withId(changes, ask), answer: { refused } };
    }
    const entry = {
      run: ask.run,
      tenant,
      conversation: ask.conversation,
      device: ask.device,
      title: titleOf(ask.text),
    };
    const joined = conversationChange(line, enqueue(line, entry, at));
    let { state, events } = first;
    if (turnTakenBy(joined.events) === ask.run) {
      const started = await this.#start(state, line, at);
      state = started.state;
      events = [...events, ...started.events];
    }
    const runs = [runChange(undefined, state, events, at)];
    const changes = { tenant, id: ask, outcome: { run: ask.run }, runs, conversations: [joined] };
    return { changes: withId(changes, ask), answer: { accepted: true } };
  }

  async #thinkCall(tenant: string, call: Call, fresh: boolean): Promise<Thought<{ run: string }>> {
    const known = fresh ? (await this.#runs.refresh(tenant, call.run)).state : this.#runs.peek(tenant, call.run);
    if (known) return { answer: { run: known.id } };
    const at = this.#parts.clock.now();
    const submitted = submittedCall(tenant, call, this.#limits);
    const first = this.#decide(undefined, { type: 'submit', submitted, at });
    const second = this.#decide(first.state, { type: 'start', history: [], taints: [], tools: [], recipients: [], at });
    const runs = [runChange(undefined, second.state, [...first.events, ...second.events], at)];
    const changes = { tenant, id: call, outcome: { run: call.run }, runs, conversations: [] };
    return { changes: withId(changes, call), answer: { run: call.run } };
  }

  async #thinkCommand(
    tenant: string,
    run: string,
    request: RunRequest,
    id: CommandId,
    fresh: boolean,
  ): Promise<Thought<'applied' | 'duplicate' | 'ignored'>> {
    let before = fresh ? (await this.#runs.refresh(tenant, run)).state : await this.#runs.get(tenant, run);
    if (!before) return { answer: 'ignored' };
    const at = request.at ?? this.#parts.clock.now();
    const command = { ...request, at };
    let decision = this.#decide(before, command);
    if (decision.outcome === 'ignored' && !fresh) {
      // Only the store can say that nothing is to be done.
      before = (await this.#runs.refresh(tenant, run)).state;
      if (!before) return { answer: 'ignored' };
      decision = this.#decide(before, command);
    }
    const outcome = { run };
    if (decision.outcome === 'ignored') {
      if (request.type !== 'timer') return { answer: 'ignored' };
      const nothing = [runChange(before, before, [], at)];
      const changes = { tenant, id, outcome, runs: nothing, conversations: [], timersDone: [request.id] };
      return { changes, answer: 'ignored' };
    }
    const runs = [runChange(before, decision.state, decision.events, at)];
    const conversations: ConversationChange[] = [];
    if (before.conversation && isEnded(decision.state) && !isEnded(before)) {
      await this.#passTurn(decision.state, decision.state, runs, conversations, at, fresh);
    }
    return { changes: { tenant, id, outcome, runs, conversations }, answer: 'applied' };
  }

  /** Sets a run aside that cannot be read, and passes its turn on. Never throws; whoever meets the run next tries again. */
  #setAside(tenant: string, run: string, problem: string): void {
    const { setAside, log } = this.#parts;
    const key = `${tenant}/${run}`;
    if (!setAside || this.#settingAside.has(key)) return;
    const done = (async () => {
      const added = await setAside.add(tenant, run, problem);
      if (!added) return;
      log.error('the history of a run cannot be read; it was set aside', undefined, { run, problem });
      const { conversation } = added;
      if (conversation) await this.#leaveBehind(tenant, conversation, run);
    })()
      .catch((error: unknown) => log.warn('a run could not be set aside yet', { run, why: String(error) }))
      .finally(() => this.#settingAside.delete(key));
    this.#settingAside.set(key, done);
  }

  /** The run has the turn no more, or leaves the line: the next one begins. */
  #leaveBehind(tenant: string, conversation: string, run: string): Promise<void> {
    const id = { source: 'set-aside', commandId: `leave:${newId()}` };
    const think = async (): Promise<Thought<void>> => {
      const at = this.#parts.clock.now();
      const runs: RunChange[] = [];
      const conversations: ConversationChange[] = [];
      await this.#passTurn({ tenant, conversation, id: run }, undefined, runs, conversations, at, true);
      if (conversations.length === 0) return { answer: undefined };
      return { changes: { tenant, id, outcome: { run }, runs, conversations }, answer: undefined };
    };
    return this.#take(tenant, conversation, think, () => undefined);
  }

  /** A run that waited when it was set aside goes to the end of the line of its conversation. */
  #rejoin({ tenant, conversation, id: run, device }: RunState): Promise<void> {
    const id = { source: 'set-aside', commandId: `rejoin:${newId()}` };
    const think = async (): Promise<Thought<void>> => {
      const { state: line } = await this.#conversations.refresh(tenant, conversation);
      const { state: waiting } = await this.#runs.refresh(tenant, run);
      if (!line || waiting?.phase !== 'waiting') return { answer: undefined };
      if (line.active === run || line.waiting.includes(run)) return { answer: undefined };
      const at = this.#parts.clock.now();
      const joined = conversationChange(
        line,
        enqueue(line, { run, tenant, conversation, device, title: line.title }, at),
      );
      const runs: RunChange[] = [];
      if (turnTakenBy(joined.events) === run) {
        const { state, events } = await this.#start(waiting, line, at);
        runs.push(runChange(waiting, state, events, at));
      }
      return { changes: { tenant, id, outcome: { run }, runs, conversations: [joined] }, answer: undefined };
    };
    return this.#take(tenant, conversation, think, () => undefined);
  }

  /** The end of a run starts the next one of its conversation in the same commit. @param just its state, if it can be read */
  async #passTurn(
    ended: Pick<RunState, 'tenant' | 'conversation' | 'id'>,
    just: RunState | undefined,
    runs: RunChange[],
    conversations: ConversationChange[],
    at: number,
    fresh: boolean,
  ): Promise<void> {
    const { tenant } = ended;
    let line: ConversationState | undefined;
    try {
      line = await this.#lineOf(ended, fresh);
    } catch (error) {
      // A run ends all the same where the line of its conversation cannot be read.
      if (isUnreadable(error)) return;
      throw error;
    }
    if (!line) return;
    let change = conversationChange(line, leave(line, ended.id, at));
    for (let next = turnTakenBy(change.events); next; ) {
      const waiting = await this.#readable(tenant, next, fresh);
      const started = waiting?.phase === 'waiting' ? await this.#start(waiting, change.after, at, just) : undefined;
      if (waiting && started && started.events.length > 0) {
        runs.push(runChange(waiting, started.state, started.events, at));
        break;
      }
      // It is not waiting any more, so the one after it is next.
      const more = leave(change.after, next, at);
      change = conversationChange(line, [...change.events, ...more]);
      next = turnTakenBy(more);
    }
    if (change.events.length > 0) conversations.push(change);
  }

  async #lineOf({ tenant, conversation, id }: Pick<RunState, 'tenant' | 'conversation' | 'id'>, fresh: boolean) {
    const line = fresh ? undefined : await this.#conversations.get(tenant, conversation);
    // A line that does not have the run is older than the run: only the store's own counts then.
    if (line && leave(line, id, 0).length > 0) return line;
    return (await this.#conversations.refresh(tenant, conversation)).state;
  }

  #readable(tenant: string, run: string, fresh: boolean): Promise<RunState | undefined> {
    return ifReadable(fresh ? this.#runs.refresh(tenant, run).then(({ state }) => state) : this.#runs.get(tenant, run));
  }

  /** A waiting run gets its turn: its tools and its history are looked up now and recorded. */
  async #start(waiting: RunState, line: ConversationState | undefined, at: number, just?: RunState) {
    const { turns, recipients, ...before } = await historyFor(this.#runs, this.#limits, waiting, line, just);
    const { tenant, device } = waiting;
    const collections = boundBy(waiting).collections.length > 0;
    const tools = await this.#parts.tools({ tenant, device, recipients, collections });
    const hosts = this.#parts.hosts ?? [];
    return this.#decide(waiting, { type: 'start', tools, history: turns, recipients, hosts, at, ...before });
  }

  #decide(state: RunState | undefined, command: Parameters<typeof decide>[1]): Decision & { readonly state: RunState } {
    const { events, state: after, outcome } = decide(state, command, this.#parts.methods, this.#parts.epochBase?.());
    if (!after) throw new AppError('NOT_FOUND', { kind: 'run' });
    return { events, state: after, outcome };
  }
}

/** What is wrong with a history, in words. */
const problemOf = (cause: unknown): string =>
  cause instanceof AppError && cause.reason === 'EVENT_UNKNOWN'
    ? 'it holds an event of a newer version'
    : cause instanceof AppError && cause.reason === 'HISTORY_INVALID'
      ? `it contradicts itself: ${cause.metadata.problem ?? ''}`
      : 'one of its events cannot be decoded';

const withId = (changes: Changes, { source, commandId, session }: CommandId): Changes => ({
  ...changes,
  id: { source, commandId, session },
});

function conversationChange(
  before: ConversationState | undefined,
  events: readonly ConversationEvent[],
): ConversationChange {
  let after = before;
  for (const event of events) after = evolveConversation(after, event);
  if (!after) throw new AppError('NOT_FOUND', { kind: 'conversation' });
  return { before, after, events };
}
