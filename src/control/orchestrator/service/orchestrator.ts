// Takes commands to runs, one at a time per conversation: has them decided (run-decisions.ts) and committed (run-commits.ts). It
// holds no truth: every state is the fold of the store's events, and a cache that is behind only costs a conflict.
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import type { RunEvent } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { SetAside, SetAsideRun } from '../../store/set-aside.ts';
import type { Snapshots } from '../../store/snapshots.ts';
import { badAsk, badCall } from '../decide/ask-bounds.ts';
import type { AskCommand, AskReceipt, CallCommand } from '../decide/asks.ts';
import type { CommandId, UntimedCommand } from '../decide/run-commands.ts';
import type { ConversationState } from '../run/conversation.ts';
import type { FoldedRun } from '../run/state.ts';
import { budgetFailure } from './budget-failure.ts';
import { decodeOutcome } from './command-outcome.ts';
import { lastSummary } from './earlier-runs.ts';
import { readRunEvent } from './event-codec.ts';
import { type FoldedStreams, foldedStreams } from './folded-streams.ts';
import type { HandOff } from './hand-off.ts';
import { type Committed, RunCommits, type RunCommitsParts } from './run-commits.ts';
import { type MetBudgets, RunDecisions, type RunDecisionsParts, type Thought } from './run-decisions.ts';
import { TaskLines } from './task-lines.ts';

export interface OrchestratorParts extends RunDecisionsParts, RunCommitsParts {
  /** Where runs go whose history cannot be read; default: they are only told apart. */
  readonly setAside?: Pick<SetAside, 'add' | 'find' | 'resume' | 'end'>;
  /** Keeps the states of long conversations; default: all of their events are read. */
  readonly snapshots?: Snapshots;
  /** Runs and conversations kept folded; default 10,000 (and 128 MiB). */
  readonly cacheRuns?: number;
}

/** Conflicts in a row before a command is given back to its caller. */
const MAX_ROUNDS = 16;

export class Orchestrator {
  readonly #parts: OrchestratorParts;
  readonly #streams: FoldedStreams;
  readonly #decisions: RunDecisions;
  readonly #commits: RunCommits;
  readonly #taskLines = new TaskLines();
  readonly #settingAside = new Map<string, Promise<void>>();

  constructor(parts: OrchestratorParts) {
    this.#parts = parts;
    this.#streams = foldedStreams(
      parts.store,
      parts.cacheRuns ?? 10_000,
      (tenant, run, problem) => this.#setAside(tenant, run, problem),
      parts.snapshots,
    );
    this.#decisions = new RunDecisions(parts, this.#streams);
    this.#commits = new RunCommits(parts, this.#streams);
  }

  /**
   * Accepts an ask, or refuses it for good. Asking again with the same run or command is answered the same. Throws when
   * the store does not answer; then ask again.
   */
  async ask(tenant: string, ask: AskCommand): Promise<AskReceipt> {
    const bad = badAsk(ask) ?? this.#parts.routes?.refuses(ask);
    if (bad) return { refused: toFailure(bad) };
    return this.#applyOnce(
      tenant,
      ask.conversation,
      (fresh, met) => this.#decisions.ask(tenant, ask, fresh, met),
      ({ refused }) => (refused ? { refused } : { accepted: true }),
    );
  }

  /** What an ask would begin as, by the same decision; nothing is recorded. */
  async rehearse(
    tenant: string,
    ask: AskCommand,
  ): Promise<{ readonly run: FoldedRun } | { readonly refused: Failure }> {
    const bad = badAsk(ask) ?? this.#parts.routes?.refuses(ask);
    if (bad) return { refused: toFailure(bad) };
    const thought = await this.#decisions.ask(tenant, ask, true, new Map());
    if ('refused' in thought.answer) return { refused: thought.answer.refused };
    const begun = 'changes' in thought ? thought.changes.runs.find(({ after }) => after.id === ask.run) : undefined;
    if (!begun) throw new AppError('NOT_FOUND', { kind: 'run' });
    return { run: begun.after };
  }

  /** Starts a run of one job. The run in the answer is the first one that came with this command id. */
  async call(tenant: string, call: CallCommand): Promise<{ readonly run: string }> {
    const bad = badCall(call);
    if (bad) throw bad;
    return this.#applyOnce(
      tenant,
      call.run,
      (fresh, met) => this.#decisions.call(tenant, call, fresh, met),
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
    request: UntimedCommand,
    id: CommandId,
  ): Promise<'applied' | 'duplicate' | 'ignored'> {
    const known = await this.#streams.runs.get(tenant, run);
    if (!known) return 'ignored';
    return this.#applyOnce(
      tenant,
      known.conversation || run,
      (fresh, met) => this.#decisions.command(tenant, run, request, id, fresh, met),
      () => 'duplicate',
    );
  }

  /**
   * The state of a run as the store has it. With `at` (a row of the outbox will do) the cached state is enough when it
   * knows that attempt, which saves the look into the store.
   */
  async state(tenant: string, run: string, at?: { job: string; epoch: number }): Promise<FoldedRun | undefined> {
    const cached = at && this.#streams.runs.peek(tenant, run);
    if (cached && (cached.jobs.get(at.job)?.epoch ?? 0) >= at.epoch) return cached;
    return (await this.#streams.runs.refresh(tenant, run)).state;
  }

  /** All events of a run, as the store has them. */
  async history(tenant: string, run: string): Promise<RunEvent[]> {
    return (await this.#parts.store.load(tenant, run)).events.map(readRunEvent);
  }

  /** The version of a run that is known here without a look into the store; 0 when none is. */
  versionKnown(tenant: string, run: string): number {
    return this.#streams.runs.peek(tenant, run)?.version ?? 0;
  }

  /** The conversation of a run that is known here without a look into the store; empty when it is not. */
  conversationKnown(tenant: string, run: string): string {
    return this.#streams.runs.peek(tenant, run)?.conversation ?? '';
  }

  /** The line of a conversation as the store has it. */
  async conversation(tenant: string, id: string): Promise<ConversationState | undefined> {
    return (await this.#streams.conversations.refresh(tenant, id)).state;
  }

  /** The last summary of a conversation; empty when there is none. */
  async summary(tenant: string, conversation: string): Promise<string> {
    return lastSummary(this.#streams.runs, tenant, await this.conversation(tenant, conversation));
  }

  /**
   * Tries to read a run that was set aside, and lets it go on where it stood. Throws RUN_SET_ASIDE when it still cannot be read, and
   * RUN_NOT_SET_ASIDE.
   */
  async retry(tenant: string, run: string): Promise<void> {
    await this.readAgain(tenant, run);
    await this.#parts.setAside?.resume(tenant, run);
  }

  /**
   * Tries to read a run that was set aside and puts it back in line; it goes on when `SetAside.resume` is called. Throws as `retry` does.
   */
  async readAgain(tenant: string, run: string): Promise<void> {
    const known = await this.setAside(tenant, run);
    if (!known || known.ended) throw new AppError('RUN_NOT_SET_ASIDE', { run });
    this.#streams.runs.forget(tenant, run);
    const { state } = await this.#streams.runs.refresh(tenant, run);
    if (state?.phase === 'waiting') await this.#rejoin(state);
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
    return this.#commits.onCommitted(listener);
  }

  /** From now on jobs are promised to this port before they are committed. */
  handOffThrough(handOff: HandOff): void {
    this.#commits.handOffThrough(handOff);
  }

  /** Runs the thought in the task line of its group until it is committed, answered or given up. */
  #applyOnce<T>(
    tenant: string,
    group: string,
    think: (fresh: boolean, met: MetBudgets) => Promise<Thought<T>>,
    again: (outcome: ReturnType<typeof decodeOutcome>) => T,
  ): Promise<T> {
    return this.#taskLines.run(`${tenant}\0${group}`, async () => {
      const met = new Map<string, Failure>();
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const thought = await think(round > 0, met);
        if (!('changes' in thought)) return thought.answer;
        const result = await this.#commits.commit(thought.changes);
        if (result.status === 'committed') return thought.answer;
        if (result.status === 'over') {
          if (result.over.some(({ unpriced }) => unpriced)) this.#parts.budgets?.learn(tenant);
          else for (const each of result.over) met.set(each.job, budgetFailure(each));
        }
        if (result.status === 'fenced') throw new AppError('SUPERSEDED', { device: 'NAME' });
        if (result.status === 'duplicate') return again(decodeOutcome(result.outcome));
      }
      throw new AppError('RUN_CONTENDED');
    });
  }

  /** Sets a run aside that cannot be read, and passes its turn on. Never throws; whoever meets the run next tries again. */
  #setAside(tenant: string, run: string, problem: string): void {
    const { setAside, log } = this.#parts;
    const key = `${tenant}/${run}`;
    if (!setAside || this.#settingAside.has(key)) return;
    const done = (async () => {
      const added = await setAside.add(tenant, run, problem);
      if (!added) return;
      log.error('the history of a run cannot be read; it was set aside', undefined, { tenant, run, problem });
      const { conversation } = added;
      if (conversation) await this.#leaveBehind(tenant, conversation, run);
    })()
      .catch((error: unknown) => log.warn('a run could not be set aside yet', { tenant, run, why: String(error) }))
      .finally(() => this.#settingAside.delete(key));
    this.#settingAside.set(key, done);
  }

  /** A run that waited when it was set aside goes to the end of the line of its conversation. */
  #rejoin(waiting: FoldedRun): Promise<void> {
    return this.#applyOnce(
      waiting.tenant,
      waiting.conversation,
      (_fresh, met) => this.#decisions.rejoin(waiting, met),
      () => undefined,
    );
  }

  /** The run has the turn no more, or leaves the line: the next one begins. */
  #leaveBehind(tenant: string, conversation: string, run: string): Promise<void> {
    return this.#applyOnce(
      tenant,
      conversation,
      (_fresh, met) => this.#decisions.leave(tenant, conversation, run, met),
      () => undefined,
    );
  }
}
