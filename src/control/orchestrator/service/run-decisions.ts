// Decides what a command changes, in its run and in the line of its conversation. It looks things up and records nothing.
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import type { ConversationEvent, CostBound, OfferedTool } from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { newId } from '../../../base/ids.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import {
  type AskCommand,
  type AskReceipt,
  acceptedAsk,
  acceptedCall,
  type CallCommand,
  sameAsk,
} from '../decide/asks.ts';
import { type Decision, decide } from '../decide/decide.ts';
import type { DecisionInputs, PricedJob, TurnRoutes } from '../decide/draft.ts';
import type { CommandId, UntimedCommand } from '../decide/run-commands.ts';
import {
  type ConversationState,
  enqueue,
  evolveConversation,
  leave,
  titleOf,
  turnTakenBy,
} from '../run/conversation.ts';
import { DEFAULT_RUN_LIMITS, type OrchestratorLimits } from '../run/limits.ts';
import { boundBy } from '../run/run-recipients.ts';
import { type FoldedRun, isEnded } from '../run/state.ts';
import { historyFor } from './earlier-runs.ts';
import type { FoldedStreams } from './folded-streams.ts';
import { type Changes, type ConversationChange, type RunChange, runChange } from './unit-builder.ts';
import { ifReadable, isUnreadable } from './unreadable.ts';

export interface RunDecisionsParts {
  readonly clock: Clock;
  readonly methods: MethodRegistry;
  /** Tools that a run may use; the device is empty for an ask without one. */
  readonly tools: (wanted: WantedTools) => Promise<readonly OfferedTool[]>;
  /** Hosts that runs may call after they have read private content; default none. */
  readonly hosts?: readonly string[];
  readonly limits?: Partial<OrchestratorLimits>;
  /** Epochs of attempts begin above it; default 0. */
  readonly epochBase?: () => number;
  /** A new nonce for each decision, or an empty one while another replica would not know what it is; default none. */
  readonly nonce?: () => string;
  /** Which tiers model turns go to; default: there are no routing rules. */
  readonly routes?: RoutesKnown;
  /** Which tenants have budgets, as far as is known here, and what a job may cost at most; default: none is known. */
  readonly budgets?: KnownBudgets;
}

/** What is known without asking of budgets. That none is known is checked by the commit, which then says so. */
export interface KnownBudgets {
  has(tenant: string): boolean;
  learn(tenant: string): void;
  bound(tenant: string, job: PricedJob): CostBound;
}

/** Where model turns go, as far as it is known here. */
export interface RoutesKnown {
  /** Undefined while there are no rules. */
  of(tenant: string): Omit<TurnRoutes, 'bound'> | undefined;
  /** Why an ask that wants a tier can never have it; undefined when it can. */
  refuses(wanted: Pick<AskCommand, 'tier' | 'better'>): AppError | undefined;
}

/** Jobs that met a budget in an earlier round, by id, with what they end with. */
export type MetBudgets = ReadonlyMap<string, Failure>;

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

/** Either an answer, or what to commit and how to answer then. */
export type Thought<T> = { readonly answer: T } | { readonly changes: Changes; readonly answer: T };

/** `fresh` means that what is cached was behind: the store is asked. */
export class RunDecisions {
  readonly #parts: RunDecisionsParts;
  readonly #limits: OrchestratorLimits;
  readonly #streams: FoldedStreams;

  constructor(parts: RunDecisionsParts, streams: FoldedStreams) {
    this.#parts = parts;
    this.#limits = { ...DEFAULT_RUN_LIMITS, ...parts.limits };
    this.#streams = streams;
  }

  async ask(tenant: string, ask: AskCommand, fresh: boolean, met: MetBudgets): Promise<Thought<AskReceipt>> {
    // At first a run that is not known here is taken for new: the commit says otherwise.
    let known = this.#streams.runs.peek(tenant, ask.run);
    try {
      if (fresh) known = (await this.#streams.runs.refresh(tenant, ask.run)).state;
    } catch (error) {
      // It is there; what became of it is told to those who follow it.
      if (isUnreadable(error)) return { answer: { accepted: true } };
      throw error;
    }
    if (known) return { answer: sameAsk(known, ask) };
    const isFull = (each: ConversationState | undefined) => (each?.waiting.length ?? 0) >= this.#limits.maxWaitingRuns;
    let line = this.#streams.conversations.peek(tenant, ask.conversation);
    if (fresh || isFull(line)) line = (await this.#streams.conversations.refresh(tenant, ask.conversation)).state;
    const at = this.#parts.clock.now();
    const first = this.#decide(undefined, { type: 'accept', accepted: acceptedAsk(tenant, ask, this.#limits), at });
    if (isFull(line)) {
      const what = 'the number of runs that wait in this conversation';
      const full = { what, limit: this.#limits.maxWaitingRuns, setting: 'BOWLINE_MAX_WAITING_RUNS' } as const;
      const refused = toFailure(new AppError('LIMIT_EXCEEDED', full));
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
      const started = await this.#start(state, line, at, met);
      state = started.state;
      events = [...events, ...started.events];
    }
    const runs = [runChange(undefined, state, events, at)];
    const changes = { tenant, id: ask, outcome: { run: ask.run }, runs, conversations: [joined] };
    return { changes: withId(changes, ask), answer: { accepted: true } };
  }

  async call(tenant: string, call: CallCommand, fresh: boolean, met: MetBudgets): Promise<Thought<{ run: string }>> {
    const known = fresh
      ? (await this.#streams.runs.refresh(tenant, call.run)).state
      : this.#streams.runs.peek(tenant, call.run);
    if (known) return { answer: { run: known.id } };
    const at = this.#parts.clock.now();
    const accepted = acceptedCall(tenant, call, this.#limits);
    const first = this.#decide(undefined, { type: 'accept', accepted, at });
    const begin = { type: 'start', history: [], taints: [], tools: [], recipients: [], at } as const;
    const second = this.#decide(first.state, begin, { met, postponed: true });
    const runs = [runChange(undefined, second.state, [...first.events, ...second.events], at)];
    const changes = { tenant, id: call, outcome: { run: call.run }, runs, conversations: [] };
    return { changes: withId(changes, call), answer: { run: call.run } };
  }

  async command(
    tenant: string,
    run: string,
    request: UntimedCommand,
    id: CommandId,
    fresh: boolean,
    met: MetBudgets,
  ): Promise<Thought<'applied' | 'duplicate' | 'ignored'>> {
    let before = fresh
      ? (await this.#streams.runs.refresh(tenant, run)).state
      : await this.#streams.runs.get(tenant, run);
    if (!before) return { answer: 'ignored' };
    const at = request.at ?? this.#parts.clock.now();
    const command = { ...request, at };
    let decision = this.#decide(before, command, { met });
    if (decision.outcome === 'ignored' && !fresh) {
      // Only the store can say that nothing is to be done.
      before = (await this.#streams.runs.refresh(tenant, run)).state;
      if (!before) return { answer: 'ignored' };
      decision = this.#decide(before, command, { met });
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
      await this.#passTurn(decision.state, { just: decision.state, met }, runs, conversations, at, fresh);
    }
    return { changes: { tenant, id, outcome, runs, conversations }, answer: 'applied' };
  }

  /** A run that was set aside has the turn no more, or leaves the line: the next one begins. */
  async leave(tenant: string, conversation: string, run: string, met: MetBudgets): Promise<Thought<void>> {
    const id = { source: 'set-aside', commandId: `leave:${newId()}` };
    const at = this.#parts.clock.now();
    const runs: RunChange[] = [];
    const conversations: ConversationChange[] = [];
    await this.#passTurn({ tenant, conversation, id: run }, { met }, runs, conversations, at, true);
    if (conversations.length === 0) return { answer: undefined };
    return { changes: { tenant, id, outcome: { run }, runs, conversations }, answer: undefined };
  }

  /** A run that waited when it was set aside goes to the end of the line of its conversation. */
  async rejoin({ tenant, conversation, id: run, device }: FoldedRun, met: MetBudgets): Promise<Thought<void>> {
    const id = { source: 'set-aside', commandId: `rejoin:${newId()}` };
    const { state: line } = await this.#streams.conversations.refresh(tenant, conversation);
    const { state: waiting } = await this.#streams.runs.refresh(tenant, run);
    if (!line || waiting?.phase !== 'waiting') return { answer: undefined };
    if (line.active === run || line.waiting.includes(run)) return { answer: undefined };
    const at = this.#parts.clock.now();
    const joined = conversationChange(
      line,
      enqueue(line, { run, tenant, conversation, device, title: line.title }, at),
    );
    const runs: RunChange[] = [];
    if (turnTakenBy(joined.events) === run) {
      const { state, events } = await this.#start(waiting, line, at, met);
      runs.push(runChange(waiting, state, events, at));
    }
    return { changes: { tenant, id, outcome: { run }, runs, conversations: [joined] }, answer: undefined };
  }

  /** The end of a run starts the next one of its conversation in the same commit. @param known its state as `just`, if it can be read */
  async #passTurn(
    ended: Pick<FoldedRun, 'tenant' | 'conversation' | 'id'>,
    known: { readonly just?: FoldedRun; readonly met: MetBudgets },
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
      const started =
        waiting?.phase === 'waiting' ? await this.#start(waiting, change.after, at, known.met, known.just) : undefined;
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

  async #lineOf({ tenant, conversation, id }: Pick<FoldedRun, 'tenant' | 'conversation' | 'id'>, fresh: boolean) {
    const line = fresh ? undefined : await this.#streams.conversations.get(tenant, conversation);
    // A line that does not have the run is older than the run: only the store's own counts then.
    if (line && leave(line, id, 0).length > 0) return line;
    return (await this.#streams.conversations.refresh(tenant, conversation)).state;
  }

  #readable(tenant: string, run: string, fresh: boolean): Promise<FoldedRun | undefined> {
    return ifReadable(
      fresh ? this.#streams.runs.refresh(tenant, run).then(({ state }) => state) : this.#streams.runs.get(tenant, run),
    );
  }

  /** A waiting run gets its turn: its tools and its history are looked up now and recorded. */
  async #start(waiting: FoldedRun, line: ConversationState | undefined, at: number, met: MetBudgets, just?: FoldedRun) {
    const { turns, recipients, ...before } = await historyFor(this.#streams.runs, this.#limits, waiting, line, just);
    const { tenant, device } = waiting;
    const collections = boundBy(waiting).collections.length > 0;
    const tools = await this.#parts.tools({ tenant, device, recipients, collections });
    const hosts = this.#parts.hosts ?? [];
    const tierBefore = await this.#tierOf(tenant, waiting.betterThan);
    const begin = { type: 'start', tools, history: turns, recipients, hosts, tierBefore, at, ...before } as const;
    return this.#decide(waiting, begin, { met, postponed: true });
  }

  /** The tier that answered a run; empty where there is none. */
  async #tierOf(tenant: string, run: string): Promise<string> {
    if (run === '') return '';
    const known = await ifReadable(this.#streams.runs.get(tenant, run));
    return known?.outcome?.tier ?? '';
  }

  #decide(
    state: FoldedRun | undefined,
    command: Parameters<typeof decide>[1],
    money: Pick<DecisionInputs, 'met' | 'postponed'> = {},
  ): Decision & { readonly state: FoldedRun } {
    const { methods, epochBase, nonce, budgets, routes: known } = this.#parts;
    const tenant = state?.tenant ?? '';
    const isBound = budgets?.has(tenant) || (state?.maxCostMicros ?? 0) > 0;
    const bound = budgets && isBound ? (job: PricedJob) => budgets.bound(tenant, job) : undefined;
    const there = known?.of(tenant);
    const routes = there && { ...there, bound: (job: PricedJob) => budgets?.bound(tenant, job) };
    const given = { epochBase: epochBase?.(), nonce: nonce?.(), bound, routes, ...money };
    const { events, state: after, outcome } = decide(state, command, methods, given);
    if (!after) throw new AppError('NOT_FOUND', { kind: 'run' });
    return { events, state: after, outcome };
  }
}

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
