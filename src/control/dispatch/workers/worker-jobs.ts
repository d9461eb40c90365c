// The jobs that workers of this replica run: who has which, what they say, how they end. Taking and handing out is
// job-dequeuer.ts, bringing results to the orchestrator settler.ts; they are given to it.
import type {
  ChildCall,
  HeldJob,
  JobOutput,
  JobProgress,
  JobResult,
} from '../../../../gen/bowline/worker/v1/worker_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/logger.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import { ifReadable } from '../../orchestrator/service/unreadable.ts';
import { serves } from '../../routing/worker-view.ts';
import type { Outbox, StoredOutboxRow } from '../../store/outbox.ts';
import type { Attempt, Attempts } from '../attempts/attempts.ts';
import type { WorkerSession } from '../session-ports.ts';
import type { Signals } from '../signals/signals.ts';
import type { ChildJobs } from './child-jobs.ts';
import type { JobDequeuer } from './job-dequeuer.ts';
import type { LocalWorkers } from './local-workers.ts';
import type { Relay, RelayRow } from './relay.ts';
import { type AttemptEnd, attemptEndOf, handedBackOf, type Settler } from './settler.ts';
import { streamOutput } from './worker-output.ts';
import type { WorkerPresence } from './worker-presence.ts';

export interface WorkerJobsParts {
  readonly runs: Orchestrator;
  readonly outbox: Outbox;
  readonly local: LocalWorkers;
  readonly attempts: Attempts;
  readonly settler: Settler;
  readonly dequeuer: JobDequeuer;
  readonly relay: Relay;
  readonly presence: Pick<WorkerPresence, 'slotsChanged'>;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Logger;
  readonly replica: string;
  /** How long a worker that vanished may take to come back with its jobs. */
  readonly graceMs: number;
  /** Text of one attempt; a worker that writes more is stopped. */
  readonly maxTextBytes: number;
  /** What jobs call. */
  readonly children: ChildJobs;
}

/** Characters of a dispatch id, as the contract has it. */
const MAX_ID = 300;
/** Ids per batched read. */
const BATCH = 1_000;

/** What a kept frame weighs beside its content. */
const ENVELOPE_BYTES = 256;

/** How often what changed its holder meanwhile is looked at again. */
const ADOPT_ROUNDS = 3;

/** What is charged of it is late by then: it has gone on elsewhere. */
const GIVEN_BACK: AttemptEnd = { case: 'failure', value: toFailure(new AppError('CANCELED')) };

export class WorkerJobs {
  readonly #parts: WorkerJobsParts;
  readonly #attempts: Attempts;
  readonly #settler: Settler;
  readonly #dequeuer: JobDequeuer;
  /** By dispatch id: how to stop waiting for a worker that is away. */
  readonly #graces = new Map<string, () => void>();
  #stopped = false;

  constructor(parts: WorkerJobsParts) {
    this.#parts = parts;
    this.#attempts = parts.attempts;
    this.#settler = parts.settler;
    this.#dequeuer = parts.dequeuer;
  }

  /** Dispatches in this replica's hands, of which the store says that it holds them. */
  inFlight(): string[] {
    return [...this.#attempts.ids(), ...this.#dequeuer.held()];
  }

  /** Whether it has the dispatch in hand, or is about to. */
  knows(dispatchId: string): boolean {
    return this.#attempts.get(dispatchId) !== undefined || this.#dequeuer.knows(dispatchId);
  }

  /** How many of them connected workers have, or are being committed. */
  get running(): number {
    return this.#attempts.all().filter((attempt) => attempt.session || attempt.settling).length;
  }

  /**
   * Takes a session in, adopts the jobs it still holds whose epoch is current, and returns those to drop. Throws
   * REPLICA_LEAVING when this replica takes nobody in any more.
   * @param mustBeLive throws when the worker is not there any more; asked after what it holds was read and before that is written
   */
  async connected(
    session: WorkerSession,
    held: readonly HeldJob[],
    mustBeLive: () => Promise<void>,
  ): Promise<string[]> {
    if (this.#stopped) throw new AppError('REPLICA_LEAVING');
    if (held.length === 0) await mustBeLive();
    const drop: string[] = [];
    for (let at = 0; at < held.length; at += BATCH) {
      const ids = held.slice(at, at + BATCH).map(({ dispatchId }) => dispatchId);
      const adopted = await this.#adopt(session, ids, mustBeLive);
      drop.push(...ids.filter((id) => !adopted.has(id)));
    }
    if (this.#stopped) throw new AppError('REPLICA_LEAVING');
    this.#parts.local.add(session);
    return drop;
  }

  /** A session ended: its jobs are lost unless the worker is back, here or elsewhere, within the grace time. */
  sessionEnded(session: WorkerSession): void {
    this.#parts.local.remove(session);
    for (const attempt of this.#attempts.ofSession(session)) {
      attempt.session = undefined;
      attempt.keptBack?.clear();
      this.#parts.children.forget(attempt);
      if (attempt.settling || this.#stopped) continue;
      const stop = this.#parts.clock.after(this.#parts.graceMs, () => {
        this.#graces.delete(attempt.dispatchId);
        void this.#missed(attempt);
      });
      this.#graces.set(attempt.dispatchId, stop);
    }
  }

  /** A worker takes nothing new any more. */
  drains(): void {
    this.#parts.local.tell();
  }

  /** Workers came, went or drain, on whatever replica: what waits is placed again. */
  workersChanged(): void {
    if (!this.#stopped) void this.#parts.relay.review().then(() => this.kick());
  }

  /** A response message of a running job. One that leaves out another, or is none, ends the job. */
  output(session: WorkerSession, frame: JobOutput): void {
    const attempt = this.#attempts.get(frame.dispatchId);
    if (!attempt || attempt.session !== session || attempt.epoch !== Number(frame.epoch) || attempt.settling) return;
    if (this.#keepBack(attempt, frame.response.length, () => this.output(session, frame))) return;
    const index = Number(frame.index);
    if (index < attempt.nextIndex) return;
    if (index > attempt.nextIndex) {
      const problem = `number ${attempt.nextIndex} was to come, and it is ${index}`;
      this.#refuse(session, attempt, new AppError('MESSAGE_REFUSED', { what: 'output', problem }));
      return;
    }
    attempt.nextIndex++;
    try {
      streamOutput(this.#parts.signals, attempt, frame);
      if (attempt.text.bytes > this.#parts.maxTextBytes) throw this.#tooLong();
    } catch (error) {
      this.#refuse(session, attempt, error);
    }
  }

  /** Something that a worker said of a job breaks the contract: the job ends with that, and the worker forgets it. */
  refused(session: WorkerSession, { dispatchId, epoch }: { dispatchId: string; epoch: bigint }, error: AppError): void {
    if (dispatchId.length > MAX_ID) return;
    const attempt = this.#attempts.get(dispatchId);
    if (attempt?.session !== session || BigInt(attempt.epoch) !== epoch) session.committed(dispatchId);
    else if (!this.#keepBack(attempt, 0, () => this.#refuse(session, attempt, error)))
      this.#refuse(session, attempt, error);
  }

  /** Whether what was said of an attempt waits until its commit is told. @param bytes what is kept of it */
  #keepBack(attempt: Attempt, bytes: number, say: () => void): boolean {
    const { keptBack, session } = attempt;
    if (!keptBack) return false;
    if (keptBack.add(bytes + ENVELOPE_BYTES, say) || !session) return true;
    session.cancel(attempt.dispatchId, attempt.epoch);
    keptBack.replace(() => this.#refuse(session, attempt, this.#tooLong()));
    return true;
  }

  #refuse(session: WorkerSession, attempt: Attempt, error: unknown): void {
    if (attempt.settling) return;
    session.cancel(attempt.dispatchId, attempt.epoch);
    void this.#settler.settle(attempt, { case: 'failure', value: toFailure(error, this.#parts.log) });
  }

  /** How far a running job is, for those who watch. */
  progress(session: WorkerSession, frame: JobProgress): void {
    const { dispatchId, epoch, done, total, note } = frame;
    const attempt = this.#attempts.get(dispatchId);
    if (attempt?.session !== session || attempt.epoch !== Number(epoch) || attempt.settling) return;
    if (this.#keepBack(attempt, note.length, () => this.progress(session, frame))) return;
    const { tenant, run, job } = attempt;
    this.#parts.signals.toRun(tenant, run, { case: 'progress', value: { job, epoch, done, total, note } });
  }

  /** A running job calls another method. What a job that is over, or another's, calls is not looked at. */
  childCall(session: WorkerSession, frame: ChildCall): void {
    const attempt = this.#attempts.get(frame.dispatchId);
    if (attempt?.session !== session || attempt.epoch !== Number(frame.epoch) || attempt.settling) return;
    if (this.#keepBack(attempt, frame.params.length, () => this.childCall(session, frame))) return;
    this.#parts.children.call(session, attempt, frame);
  }

  /** A job ended. Committed, then acknowledged; a result that nobody waits for is recorded as late and acknowledged. */
  result(session: WorkerSession, frame: JobResult): void {
    this.#result(session, frame).catch((error: unknown) =>
      // Not acknowledged: the worker sends it again in its next session.
      this.#parts.log.warn('a result was not taken yet', { dispatch: frame.dispatchId, why: String(error) }),
    );
  }

  /** Jobs committed here just now: what a worker of this replica can have at once it gets. Returns the others, for the queue. */
  offer(rows: readonly RelayRow[], state: FoldedRun): RelayRow[] {
    this.#parts.presence.slotsChanged();
    return this.#dequeuer.offer(rows, state);
  }

  /** Stops what a committed event cancelled or superseded. */
  stopAttempts(dispatchIds: readonly string[]): void {
    this.#dequeuer.dropUnstarted(dispatchIds);
    for (const id of dispatchIds) {
      const attempt = this.#attempts.get(id);
      if (!attempt || attempt.settling) continue;
      attempt.session?.cancel(id, attempt.epoch);
      this.#endGrace(id);
      this.#attempts.abandon(attempt);
    }
  }

  /** As `stopAttempts`, for what is only said to have ended: the store is asked. Never throws. */
  async stopIfStale(dispatchIds: readonly string[]): Promise<void> {
    const { log, outbox, replica } = this.#parts;
    const mine = dispatchIds.filter((id) => this.knows(id));
    try {
      const rows = await outbox.check(mine);
      const current = new Set(rows.filter((row) => row.holder === replica).map((row) => row.dispatchId));
      this.stopAttempts(mine.filter((id) => !current.has(id)));
    } catch (error) {
      // The next round of the reconciler looks at all.
      log.debug('a cancel could not be looked up yet', { why: String(error) });
    }
  }

  /** Looks for work, because something may have a place now; calls are merged. */
  kick(): void {
    if (this.#stopped) return;
    this.#dequeuer.kick();
    this.#parts.presence.slotsChanged();
  }

  /** Looks again at everything that waits. Never throws. */
  scan(): Promise<void> {
    return this.#dequeuer.scan();
  }

  /** Dispatches that this replica holds and does not have in hand: free again, or, if a worker had one, lost. */
  async reclaim(rows: readonly StoredOutboxRow[], why: string): Promise<void> {
    const [sent, unsent] = [true, false].map((was) =>
      rows.filter(({ dispatchId }) => this.#attempts.wasSent(dispatchId) === was),
    ) as [StoredOutboxRow[], StoredOutboxRow[]];
    const ids = unsent.map(({ dispatchId }) => dispatchId).filter((id) => !this.knows(id));
    await this.#dequeuer.release(ids);
    for (const row of sent) await this.recordLoss(row, why);
  }

  /** Records that an attempt that nobody has any more is lost. Never throws. */
  recordLoss(row: StoredOutboxRow, why: string): Promise<void> {
    return this.#settler.recordLoss(row, why);
  }

  /** This replica leaves: it takes nothing new, and a worker that goes now is no loss; whoever comes next sees to its jobs. */
  leave(): void {
    this.#stopped = true;
    this.#dequeuer.leave();
    for (const stop of this.#graces.values()) stop();
    this.#graces.clear();
  }

  /** Gives back what was not handed out, and repeats no commit any more. */
  async stop(): Promise<void> {
    this.leave();
    this.#settler.stop();
    await this.#dequeuer.stop();
  }

  async #result(session: WorkerSession, frame: JobResult): Promise<void> {
    const id = frame.dispatchId;
    const attempt = this.#attempts.get(id);
    const result = attemptEndOf(frame);
    if (!attempt) {
      const former = this.#attempts.former(id);
      // What it used until it was stopped is owed, too, and that it used nothing sets free what is reserved.
      const isOwed = frame.usage !== undefined || former?.isBound;
      const owed = result ?? (isOwed && { case: 'failure' as const, value: toFailure(new AppError('CANCELED')) });
      if (owed && former?.holder === session.bootId) await this.#settler.late(former, owed, frame);
      this.#attempts.forgetFormer(id);
      return session.committed(id);
    }
    if (attempt.session !== session || attempt.epoch !== Number(frame.epoch)) {
      this.#parts.log.warn('a worker sent the result of a job that it does not have', { dispatch: id });
      return session.committed(id);
    }
    if (this.#keepBack(attempt, resultBytes(frame), () => this.result(session, frame))) return;
    const handedBack = handedBackOf(frame);
    if (result && !handedBack) return this.#settler.settle(attempt, result, frame);
    // Stopped without a cancel of ours: the worker leaves. Someone else goes on.
    await this.#settler.lose(attempt, `${attempt.targetName} gave it back, because it was to leave`, handedBack);
    // What it used until then is owed, and that it used nothing sets free what is reserved.
    if (frame.usage || attempt.isBound) await this.#settler.late(attempt, GIVEN_BACK, frame);
    session.committed(id);
  }

  /** The worker of an attempt is not back here. If it is elsewhere, the attempt is that replica's. */
  async #missed(attempt: Attempt): Promise<void> {
    const { log, outbox, replica } = this.#parts;
    try {
      const [row] = await outbox.check([attempt.dispatchId]);
      // Its commit may be under way, or was not ours.
      const own = this.#attempts.get(attempt.dispatchId) === attempt;
      if (!own || attempt.session || attempt.settling) return;
      if (row?.holder === replica) await this.#settler.lose(attempt, 'the worker is gone');
      else this.#attempts.abandon(attempt);
    } catch (error) {
      // Nobody has it in hand any more, which the reconciler finds.
      if (!attempt.session) this.#attempts.abandon(attempt);
      log.warn('a lost worker could not be recorded yet', { job: attempt.job, why: String(error) });
    }
  }

  /** Those of the dispatches that this worker goes on with; not another's, nor what its key does not allow. */
  async #adopt(session: WorkerSession, ids: readonly string[], mustBeLive: () => Promise<void>): Promise<Set<string>> {
    const { outbox, replica, runs } = this.#parts;
    const view = session.view();
    const adopted: StoredOutboxRow[] = [];
    for (let round = 1, left = ids; left.length > 0 && round <= ADOPT_ROUNDS; round++) {
      const rows = (await outbox.check(left)).filter(
        (row) =>
          row.target === 'worker' &&
          serves(view, row.tenant) &&
          view.packages.some((served) => served.package === row.capability) &&
          (this.#attempts.get(row.dispatchId)?.holder ?? session.bootId) === session.bootId,
      );
      await mustBeLive();
      const mine = await outbox.adopt(replica, rows);
      adopted.push(...mine);
      // An older Hello of this worker, to another replica, may have been ahead; this one is here now.
      const had = new Set(mine.map((row) => row.dispatchId));
      left = rows.flatMap(({ dispatchId, holder }) => (holder && !had.has(dispatchId) ? [dispatchId] : []));
    }
    const states = await Promise.all(adopted.map((row) => ifReadable(runs.state(row.tenant, row.run, row))));
    // Nothing may come between looking an attempt up and taking it.
    return new Set(
      adopted.flatMap((row, n) => {
        const known = this.#attempts.get(row.dispatchId);
        if (!known) this.#attempts.add(row, session, states[n]);
        else if (known.holder !== session.bootId) return [];
        else {
          this.#endGrace(row.dispatchId);
          known.session = session;
        }
        return [row.dispatchId];
      }),
    );
  }

  #endGrace(dispatchId: string): void {
    this.#graces.get(dispatchId)?.();
    this.#graces.delete(dispatchId);
  }

  #tooLong(): AppError {
    return new AppError('LIMIT_EXCEEDED', {
      what: 'the text of one answer',
      limit: `${this.#parts.maxTextBytes} bytes`,
      setting: 'BOWLINE_MAX_TEXT_BYTES',
    });
  }
}

function resultBytes({ result }: JobResult): number {
  if (result.case !== 'done') return 0;
  return result.value.responses.reduce((sum, response) => sum + response.length, 0);
}
