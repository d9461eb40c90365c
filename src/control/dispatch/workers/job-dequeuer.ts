// Takes jobs on behalf of free slots and brings them to workers: jobs committed here at once, jobs from the queues, jobs that
// lie in the store. Only the holder of a dispatch sends it, and who that is the store says. What a queue says is a hint, and all that
// it names lies in the store: where more waits than there are slots, the store is asked first, so that nothing jumps the line by a queue.
import { AppError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/logger.ts';
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import type { HandOff } from '../../orchestrator/service/hand-off.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import type { DequeuedJob, JobQueue } from '../../queue/ports.ts';
import { place } from '../../routing/place.ts';
import type { WorkerView } from '../../routing/worker-view.ts';
import type { Outbox, StoredOutboxRow } from '../../store/outbox.ts';
import type { Attempts } from '../attempts/attempts.ts';
import type { WorkerSession } from '../session-ports.ts';
import type { Backlog } from './backlog.ts';
import { couldServe, type FreeSearch } from './free-search.ts';
import { GivingBack } from './giving-back.ts';
import { type JobSender, jobToSend } from './job-sender.ts';
import type { PromisedJobs } from './promised-jobs.ts';
import { type IdTaker, QueueIds } from './queue-ids.ts';
import { commonQueue, needOf, type Relay, type RelayRow } from './relay.ts';
import { mayServe, type OnTheWay, roomOf } from './room.ts';
import { servesPackage, type WorkersFor } from './workers-for.ts';

export interface JobDequeuerParts {
  readonly replica: string;
  readonly workersFor: WorkersFor;
  readonly runs: Orchestrator;
  readonly outbox: Outbox;
  readonly queue: JobQueue;
  readonly relay: Relay;
  readonly backlog: Backlog;
  readonly sender: JobSender;
  readonly promised: PromisedJobs;
  readonly log: Logger;
  readonly attempts: Attempts;
  readonly search: FreeSearch;
}

interface Hand {
  /** Undefined while it is not known. */
  capability: string | undefined;
  /** Its place in a queue, until it is claimed. */
  dequeued?: DequeuedJob;
  /** Read when it was claimed; absent while the store could not be asked. */
  row?: StoredOutboxRow;
  /** It has a worker and is on its way to it. */
  starting: boolean;
}

/** Jobs held that have no worker yet. */
const MAX_HANDS = 256;

export class JobDequeuer implements HandOff {
  readonly replica: string;
  readonly #parts: JobDequeuerParts;
  readonly #hands = new Map<string, Hand>();
  readonly #queues: QueueIds;
  readonly #givingBack: GivingBack;
  /** By capability: when something of it was last taken from the store, counted. */
  readonly #pulled = new Map<string, number>();
  readonly #workers: WorkersFor;
  #working: Promise<void> | undefined;
  #again = false;
  #left: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: JobDequeuerParts) {
    this.#parts = parts;
    this.replica = parts.replica;
    this.#workers = parts.workersFor;
    this.#givingBack = new GivingBack(parts.replica, parts.outbox);
    this.#queues = new QueueIds(parts);
  }

  /** Dispatches that this replica holds and that have no worker yet. */
  held(): string[] {
    return [...this.#hands].flatMap(([id, { row }]) => (row ? [id] : []));
  }

  /** Whether this replica holds it, or is about to, for a worker. */
  knows(dispatchId: string): boolean {
    return this.#hands.has(dispatchId) || this.#parts.promised.has(dispatchId);
  }

  /** The connected workers changed: listens to the queues that they serve, and looks into all of them. */
  listen(): void {
    if (this.#stopped) return;
    const views = this.#workers.here();
    this.#queues.listen(views, () => this.kick());
    for (const view of views) for (const served of view.packages) this.#parts.backlog.flag(served.package);
  }

  /** Looks for work; calls are merged. Costs nothing when nothing waits as far as is known. */
  kick(): void {
    if (this.#stopped) return;
    const wanted = this.#workers.packages().filter((capability) => this.#mayPull(capability));
    this.#queues.take(this.#idTaker(), wanted);
    if (this.#hands.size === 0 && wanted.length === 0) return;
    this.#again = true;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      if (this.#again) this.kick();
    });
  }

  /** Looks into every queue again, and gives up what waits here while another replica has room for it. Never throws. */
  async scan(): Promise<void> {
    this.#queues.lookAgain();
    const unanswered = this.#givingBack.unanswered();
    await this.release(unanswered).catch((error: unknown) =>
      this.#parts.log.debug('jobs could not be given back yet', { jobs: unanswered.length, why: String(error) }),
    );
    const idle = [...this.#hands].flatMap(([, { row, starting }]) => (row && !starting ? [row] : []));
    const elsewhere = this.#workers.elsewhere();
    await this.#release(idle.filter((row) => place(needOf({ ...row, method: '' }), elsewhere).ok));
    this.kick();
  }

  promise(row: RelayRow): boolean {
    return !this.#stopped && !this.#waitsBefore(row) && this.#parts.promised.promise(row);
  }

  begin(dispatchId: string, state: FoldedRun): void {
    this.#parts.promised.begin(dispatchId, state);
  }

  withdraw(dispatchIds: Iterable<string>): void {
    if (this.#parts.promised.withdraw(dispatchIds)) this.kick();
  }

  /** Jobs that were committed here just now: those that were promised go to their workers. Returns the others. */
  offer(rows: readonly RelayRow[], state: FoldedRun): RelayRow[] {
    return rows.filter((row) => {
      const promised = this.#parts.promised.take(row.dispatchId);
      if (!promised) return true;
      if (promised.attempt) {
        // Unless it was given up meanwhile; the reconciler finds it then.
        if (this.#parts.attempts.get(row.dispatchId) === promised.attempt) this.#parts.sender.confirm(promised.attempt);
        return false;
      }
      const stored = { ...row, holder: this.replica, createdAt: 0 };
      const hand: Hand = { capability: row.capability, row: stored, starting: false };
      this.#hands.set(row.dispatchId, hand);
      void this.#start(hand, stored, state, promised.session, promised.giveBack);
      return false;
    });
  }

  /** These are over: whoever has not started them drops them. */
  dropUnstarted(dispatchIds: readonly string[]): void {
    for (const id of dispatchIds) {
      const hand = this.#hands.get(id);
      if (hand) this.#drop(id, hand);
    }
  }

  /** Takes nothing new and promises nothing. */
  leave(): void {
    this.#stopped = true;
    this.#again = false;
    this.#queues.stop();
    this.#left ??= this.#giveBack().catch((error: unknown) =>
      this.#parts.log.warn('jobs in hand could not be given back', { why: String(error) }),
    );
  }

  /** Leaves; resolves when what was not handed out is given back. */
  async stop(): Promise<void> {
    this.leave();
    await this.#left;
  }

  async #giveBack(): Promise<void> {
    await this.#working;
    const hands = [...this.#hands].filter(([, { starting }]) => !starting);
    for (const [id] of hands) this.#hands.delete(id);
    await Promise.all(hands.map(([, { dequeued }]) => dequeued?.release()));
    await this.release(hands.flatMap(([id, { row }]) => (row ? [id] : [])));
  }

  /** Makes dispatches free that this replica holds and that no worker ever had; they are not in hand any more. */
  async release(dispatchIds: readonly string[]): Promise<void> {
    await this.#givingBack.giveBack(dispatchIds);
    this.kick();
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#claimDequeued();
        await this.#handOutAll();
        await this.#pull();
      } catch (error) {
        // What was taken stays in hand; the next kick or scan goes on with it.
        this.#parts.log.warn('jobs could not be taken', { why: String(error) });
      }
      // What the store has left free. Also when it did not say: what cannot be pulled must not stop what can be taken.
      this.#queues.take(this.#idTaker());
    }
  }

  /** The store says whose they are. */
  async #claimDequeued(): Promise<void> {
    // What is being given back may still look like its own.
    const unread = [...this.#hands].filter(([id, hand]) => !hand.row && !this.#givingBack.has(id));
    if (unread.length === 0) return;
    const { attempts, outbox, relay } = this.#parts;
    const ids = unread.map(([id]) => id);
    const rows = new Map((await outbox.claim(this.replica, ids)).map((row) => [row.dispatchId, row]));
    this.#parts.search.serve([...rows.values()]);
    relay.forget(ids);
    for (const [id, hand] of unread) {
      const row = rows.get(id);
      if (this.#hands.get(id) !== hand) continue;
      // What it holds already it may have sent; that is never sent again.
      if (row && !attempts.wasSent(id)) Object.assign(hand, { row, capability: row.capability });
      else this.#hands.delete(id);
      // Whoever has it now, the queue has no part in it.
      this.#done(id, hand);
    }
  }

  /** Gives out what is in hand, in the order in which it came: whose turn it is was decided when it was taken. */
  async #handOutAll(): Promise<void> {
    const waiting = [...this.#hands.values()].filter((hand) => hand.row && !hand.starting);
    const states = await Promise.all(waiting.map((hand) => this.#stateOf(hand, hand.row!)));
    const useless: (StoredOutboxRow & RelayRow)[] = [];
    for (const [n, hand] of waiting.entries()) {
      const [state, row] = [states[n], hand.row!];
      if (state === 'unknown' || hand.starting || this.#hands.get(row.dispatchId) !== hand) continue;
      if (!this.#handOut(hand, row, state)) useless.push({ ...row, method: state?.jobs.get(row.job)?.method ?? '' });
    }
    await this.#release(useless);
  }

  /** Never throws. */
  #stateOf(hand: Hand, row: StoredOutboxRow): Promise<FoldedRun | undefined | 'unknown'> {
    return this.#parts.runs.state(row.tenant, row.run, row).catch((error: unknown) => {
      this.#failed(row.dispatchId, hand, error);
      return 'unknown' as const;
    });
  }

  /** Starts it if a worker here has room for it; false when none here could ever serve it. */
  #handOut(hand: Hand, row: StoredOutboxRow, state: FoldedRun | undefined): boolean {
    const job = state && jobToSend(state, row);
    if (!state || !job) {
      this.#drop(row.dispatchId, hand);
      return true;
    }
    const full = { ...row, method: job.method };
    const session = this.#workers.sessionFor(full);
    if (session) void this.#start(hand, row, state, session, session.reserve(row.slots));
    return session !== undefined || this.#workers.here().some((view) => couldServe(view, full));
  }

  /** Never throws. */
  async #start(
    hand: Hand,
    row: StoredOutboxRow,
    state: FoldedRun,
    session: WorkerSession,
    giveBack: () => void,
  ): Promise<void> {
    const id = row.dispatchId;
    hand.starting = true;
    let end: 'sent' | 'over' | 'again' | undefined;
    try {
      const full = { ...row, method: state.jobs.get(row.job)?.method ?? '' };
      end = await this.#parts.sender.send(full, state, session, () => this.#hands.get(id) === hand);
      if (end !== 'again') this.#hands.delete(id);
    } catch (error) {
      this.#failed(id, hand, error);
    } finally {
      hand.starting = false;
      if (end !== 'sent') giveBack();
      // It has no slot any more: that is somebody else's now.
      if (end === 'again' || (end !== 'sent' && !this.#hands.has(id))) this.kick();
    }
  }

  #failed(id: string, hand: Hand, error: unknown): void {
    this.#parts.log.warn('a job could not be handed out', { dispatch: id, why: String(error) });
    // One that can never be handed out must not keep a place; the reconciler has it from now on.
    if (!(error instanceof AppError && error.retryable)) this.#drop(id, hand);
  }

  #mayPull(capability: string): boolean {
    return this.#parts.backlog.heard(capability) !== undefined && this.#roomFor(servesPackage(capability)) > 0;
  }

  /**
   * Takes from what lies in the store, in its order: as much as there are free slots, and a few for the next ones. Capabilities take turns
   * where workers serve several.
   */
  async #pull(): Promise<void> {
    const { backlog, search } = this.#parts;
    const last = (capability: string) => this.#pulled.get(capability) ?? 0;
    for (const capability of this.#workers.packages().sort((a, b) => last(a) - last(b))) {
      const heard = backlog.heard(capability);
      const free = this.#roomFor(servesPackage(capability));
      if (heard === undefined || free <= 0) continue;
      const mine = this.#workers.here().filter(servesPackage(capability));
      const room = Math.min(
        free + Math.ceil(mine.reduce((slots, view) => slots + view.totalSlots, 0) / 2),
        MAX_HANDS - this.#hands.size,
      );
      const skip = (id: string) => this.knows(id) || this.#parts.relay.isHopeless(id);
      const wanted = await search.find(capability, mine, room, skip);
      for (const id of wanted) this.#hands.set(id, { capability, starting: false });
      // Claimed with what was taken from queues, in the next turn of the loop.
      if (wanted.length > 0) this.#again = true;
      if (wanted.length > 0) this.#pulled.set(capability, Math.max(0, ...this.#pulled.values()) + 1);
      // Less than there was room for: the rest is for others.
      if (wanted.length < room && !search.goesOn(capability)) backlog.clear(capability, heard);
    }
  }

  /** Makes jobs free again that no worker here will have. Never throws. */
  async #release(rows: readonly StoredOutboxRow[]): Promise<void> {
    if (rows.length === 0) return;
    try {
      const full = rows.map((row) => ({ method: '', ...row }));
      for (const { dispatchId } of rows) this.#hands.delete(dispatchId);
      await this.release(rows.map((row) => row.dispatchId));
      await this.#parts.relay.add(full);
    } catch (error) {
      this.#parts.log.warn('jobs could not be given back', { jobs: rows.length, why: String(error) });
    }
  }

  /** Whether something older waits for the same workers. */
  #waitsBefore({ capability, tier }: RelayRow): boolean {
    if (this.#queues.mayHave(commonQueue(capability, tier))) return true;
    if (this.#parts.backlog.heard(capability) !== undefined) return true;
    if (this.#hands.size === 0) return false;
    const theirs = mayServe(this.#workers.here().filter(servesPackage(capability)));
    return [...this.#hands.values()].some((hand) => !hand.starting && theirs(hand.capability));
  }

  #idTaker(): IdTaker {
    return {
      roomFor: (counts) => this.#roomFor(counts),
      onTaken: (jobs, capability) => {
        for (const dequeued of jobs)
          if (!this.#hands.has(dequeued.id)) this.#hands.set(dequeued.id, { capability, dequeued, starting: false });
      },
      onEnd: () => this.kick(),
    };
  }

  /** Free slots of the workers here that `counts` names, less what is on its way to them. */
  #roomFor(counts: (view: WorkerView) => boolean): number {
    return roomOf(this.#workers.here().filter(counts), this.#onTheWay());
  }

  *#onTheWay(): Generator<OnTheWay> {
    for (const { capability, starting } of this.#hands.values()) if (!starting) yield { capability, jobs: 1 };
    yield* this.#queues.onTheWay();
  }

  #drop(id: string, hand: Hand): void {
    this.#hands.delete(id);
    this.#done(id, hand);
  }

  #done(id: string, hand: Hand): void {
    const taken = hand.dequeued;
    delete hand.dequeued;
    taken
      ?.done()
      .catch((error: unknown) =>
        this.#parts.log.debug('a queue entry could not be removed', { dispatch: id, why: String(error) }),
      );
  }
}
