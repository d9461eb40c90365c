// The attempts that workers run for this replica, and their text. Memory only: the truth is the outbox.

import { LRUCache } from 'lru-cache';
import { AttemptText } from '../../../contract/text/latest-text.ts';
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import type { OutboxRow } from '../../store/unit.ts';
import type { WorkerSession } from '../session-ports.ts';
import type { KeptBack } from './kept-back.ts';

export interface Attempt {
  readonly tenant: string;
  readonly run: string;
  readonly job: string;
  readonly epoch: number;
  readonly dispatchId: string;
  readonly capability: string;
  /** Of its run; empty for a call. */
  readonly conversation: string;
  /** What its readers are told while it runs: the text of a model turn, the messages of a call as they are, or nothing. */
  readonly streams: 'text' | 'messages' | 'nothing';
  readonly text: AttemptText;
  /** The process that has it: `bootId` of its session. */
  readonly holder: string;
  readonly targetName: string;
  /** Something is reserved for it in budgets. */
  readonly isBound: boolean;
  /** Absent while its worker is away. */
  session: WorkerSession | undefined;
  /** Messages that came. After a reconnect the worker sends all of them again, under the same numbers. */
  nextIndex: number;
  /** Its result is being committed. */
  settling: boolean;
  /** What its worker says while the commit that makes it is under way; undefined once that was told. */
  keptBack: KeptBack | undefined;
}

/** Ids of attempts that ended here, settled or given up, and are never sent again. */
const SENT = 50_000;

/** Attempts remembered after they were given up, so that a late result is recorded and charged. */
const REMEMBERED = 2_000;

export class Attempts {
  readonly #byId = new Map<string, Attempt>();
  readonly #sent = new LRUCache<string, true>({ max: SENT });
  readonly #former = new LRUCache<string, Attempt>({ max: REMEMBERED });
  readonly #listeners = new Set<() => void>();

  get(dispatchId: string): Attempt | undefined {
    return this.#byId.get(dispatchId);
  }

  /** The attempt of a job, whichever its epoch; none whose commit is under way. */
  ofJob(tenant: string, job: string): Attempt | undefined {
    for (const attempt of this.#byId.values())
      if (attempt.job === job && attempt.tenant === tenant && !attempt.keptBack) return attempt;
    return undefined;
  }

  /** @param keptBack for one whose commit is under way */
  add(
    row: OutboxRow & { readonly tenant: string },
    session: WorkerSession,
    state: FoldedRun | undefined,
    keptBack?: KeptBack,
  ): Attempt {
    const { name, provider } = session.view();
    const attempt: Attempt = {
      tenant: row.tenant,
      run: row.run,
      job: row.job,
      epoch: row.epoch,
      dispatchId: row.dispatchId,
      capability: row.capability,
      conversation: state?.conversation ?? '',
      streams: streamsOf(state, row.job),
      text: new AttemptText(row.job, row.epoch),
      holder: session.bootId,
      targetName: `worker ${name} (${provider})`,
      isBound: state?.jobs.get(row.job)?.bound !== undefined,
      session,
      nextIndex: 0,
      settling: false,
      keptBack,
    };
    this.#byId.set(row.dispatchId, attempt);
    return attempt;
  }

  /** The commit that makes it was told: what its worker said meanwhile is said now. */
  confirm(attempt: Attempt): void {
    const said = attempt.keptBack?.all() ?? [];
    attempt.keptBack = undefined;
    for (const say of said) say();
  }

  /** It is settled: nothing more is expected of it, and whatever the store says, it is never sent again. */
  finish(attempt: Attempt): void {
    this.#remove(attempt);
    this.#sent.set(attempt.dispatchId, true);
  }

  /** No worker ever had it: it may be sent as if new. */
  unsent(attempt: Attempt): void {
    this.#remove(attempt);
  }

  /** It is given up: its result may still come, and is late then. Does nothing where it ended before, as one whose commit was not ours. */
  abandon(attempt: Attempt): void {
    if (this.#byId.get(attempt.dispatchId) !== attempt) return;
    this.finish(attempt);
    this.#former.set(attempt.dispatchId, attempt);
  }

  /** Whether a worker has it, or had it and it was settled or given up. */
  wasSent(dispatchId: string): boolean {
    return this.#byId.has(dispatchId) || this.#sent.has(dispatchId);
  }

  /** An attempt that was given up and whose result did not come. */
  former(dispatchId: string): Attempt | undefined {
    return this.#former.get(dispatchId);
  }

  forgetFormer(dispatchId: string): void {
    this.#former.delete(dispatchId);
  }

  /** Of those that are committed. */
  ids(): string[] {
    return [...this.#byId].flatMap(([id, { keptBack }]) => (keptBack ? [] : [id]));
  }

  all(): Attempt[] {
    return [...this.#byId.values()];
  }

  ofSession(session: WorkerSession): Attempt[] {
    return this.all().filter((attempt) => attempt.session === session);
  }

  /** Hears when one is no longer in hand, so that something else may have its place. Returns how to stop. */
  onRemoved(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #remove(attempt: Attempt): void {
    if (this.#byId.get(attempt.dispatchId) !== attempt) return;
    this.#byId.delete(attempt.dispatchId);
    for (const listener of this.#listeners) listener();
  }

  get size(): number {
    return this.#byId.size;
  }
}

/** Of the jobs of a run only its turns have readers. */
function streamsOf(state: FoldedRun | undefined, job: string): Attempt['streams'] {
  if (state?.jobs.get(job)?.role !== 'turn') return 'nothing';
  return state.kind === 'call' ? 'messages' : 'text';
}
