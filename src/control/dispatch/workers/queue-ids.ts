// Takes ids from the queues that the workers of this replica serve: which of them may hold some, and how many are asked of each. Whose an
// id is, and whether it is its turn, others decide.
import type { Logger } from '../../../base/logger.ts';
import type { DequeuedJob, JobQueue } from '../../queue/ports.ts';
import type { WorkerView } from '../../routing/worker-view.ts';
import { queuesOf, type Relay, replicaQueue } from './relay.ts';
import type { OnTheWay } from './room.ts';
import { servesPackage, type WorkersFor } from './workers-for.ts';

export interface QueueIdsParts {
  readonly replica: string;
  readonly workersFor: WorkersFor;
  readonly queue: JobQueue;
  readonly relay: Pick<Relay, 'dequeued'>;
  readonly log: Logger;
}

/** Whoever has the ids taken. */
export interface IdTaker {
  /** What the workers that `counts` names can still take. */
  readonly roomFor: (counts: (view: WorkerView) => boolean) => number;
  /** @param capability undefined where the queue holds jobs of several */
  readonly onTaken: (jobs: readonly DequeuedJob[], capability: string | undefined) => void;
  /** What was asked for came, or did not. */
  readonly onEnd: () => void;
}

/** Ids asked of a queue at once. */
const MOST = 256;

export class QueueIds {
  readonly #parts: QueueIdsParts;
  readonly #listening = new Map<string, () => void>();
  /** Queues in which something may wait. */
  readonly #ready = new Set<string>();
  /** Ids asked of a queue that have not come yet. */
  readonly #asked = new Map<string, number>();
  #stopped = false;

  constructor(parts: QueueIdsParts) {
    this.#parts = parts;
  }

  /** Listens to the queues that these workers serve, and looks into all of them. @param onReady something may wait in one */
  listen(views: readonly WorkerView[], onReady: () => void): void {
    const wanted = new Set(views.flatMap(queuesOf));
    for (const [queue, stop] of this.#listening) {
      if (wanted.has(queue)) continue;
      stop();
      this.#listening.delete(queue);
      this.#ready.delete(queue);
    }
    for (const queue of wanted) {
      this.#ready.add(queue);
      if (this.#listening.has(queue)) continue;
      const wake = () => {
        this.#ready.add(queue);
        onReady();
      };
      this.#listening.set(queue, this.#parts.queue.onReady(queue, wake));
    }
  }

  /** Something may wait in every queue. */
  lookAgain(): void {
    for (const queue of this.#listening.keys()) this.#ready.add(queue);
  }

  /** Whether something may wait in a queue, or comes from it right now. */
  mayHave(queue: string): boolean {
    return this.#ready.has(queue) || this.#asked.has(queue);
  }

  /** Takes what there is room for. @param except nothing from queues that may hold jobs of these capabilities */
  take(taker: IdTaker, except: readonly string[] = []): void {
    for (const queue of this.#ready)
      if (!this.#capabilitiesOf(queue).some((each) => except.includes(each))) this.#take(queue, taker);
  }

  *onTheWay(): Generator<OnTheWay> {
    for (const [queue, jobs] of this.#asked) yield { capability: this.#capabilityOf(queue), jobs };
  }

  /** Takes nothing new; what was asked for and comes now goes back. */
  stop(): void {
    this.#stopped = true;
    for (const stop of this.#listening.values()) stop();
    this.#listening.clear();
  }

  #take(queue: string, { onEnd, onTaken, roomFor }: IdTaker): void {
    const { log, relay } = this.#parts;
    const listens = (view: WorkerView) => queuesOf(view).includes(queue);
    const rooms = this.#capabilitiesOf(queue).map((each) =>
      roomFor((view) => servesPackage(each)(view) && listens(view)),
    );
    const max = Math.min(Math.max(0, ...rooms), MOST);
    if (max === 0 || this.#asked.has(queue) || this.#stopped) return;
    this.#asked.set(queue, max);
    // Before the answer: a wake that comes meanwhile counts.
    this.#ready.delete(queue);
    this.#parts.queue
      .dequeue(queue, max)
      .then((taken) => {
        if (taken.length === max) this.#ready.add(queue);
        relay.dequeued(queue, taken.length);
        // The queue may be closed by now; the lock on what it gave lapses by itself.
        if (this.#stopped) for (const job of taken) job.release().catch(() => {});
        else onTaken(taken, this.#capabilityOf(queue));
      })
      .catch((error: unknown) => log.warn('jobs could not be taken', { queue, why: String(error) }))
      .finally(() => {
        this.#asked.delete(queue);
        onEnd();
      });
  }

  /** Undefined for the queue of this replica, where jobs of all may be. */
  #capabilityOf(queue: string): string | undefined {
    return queue === replicaQueue(this.#parts.replica) ? undefined : queue.slice(0, queue.lastIndexOf('.'));
  }

  #capabilitiesOf(queue: string): string[] {
    const capability = this.#capabilityOf(queue);
    return capability === undefined ? this.#parts.workersFor.packages() : [capability];
  }
}
