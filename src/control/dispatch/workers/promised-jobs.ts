// Jobs promised to workers of this replica while the commit that makes them is under way. What can do no harm is begun at once (decision
// 59); what comes of it is kept back until the commit is told. Memory only: what is not told did not come to be.
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import type { Attempt, Attempts } from '../attempts/attempts.ts';
import type { WorkerSession } from '../session-ports.ts';
import type { JobSender } from './job-sender.ts';
import type { RelayRow } from './relay.ts';
import type { WorkersFor } from './workers-for.ts';

export interface PromisedJobsParts {
  readonly workersFor: WorkersFor;
  readonly sender: JobSender;
  readonly attempts: Attempts;
}

/** One that was promised; a slot of its worker is kept until it is given back, or the attempt has it. */
export interface PromisedJob {
  readonly row: RelayRow;
  readonly session: WorkerSession;
  readonly giveBack: () => void;
  /** Its worker has it already. */
  readonly attempt: Attempt | undefined;
}

/**
 * Attempts whose commit is under way at once. It bounds what is kept back of them; and where more commits than these are under way, the replica
 * is busy with work that gains nothing from beginning sooner.
 */
const MAX_BEGUN = 16;

export class PromisedJobs {
  readonly #parts: PromisedJobsParts;
  readonly #promised = new Map<string, PromisedJob>();
  #begun = 0;

  constructor(parts: PromisedJobsParts) {
    this.#parts = parts;
  }

  has(dispatchId: string): boolean {
    return this.#promised.has(dispatchId);
  }

  /** Keeps a slot for it; false when no worker here is the best one for it and has room. */
  promise(row: RelayRow): boolean {
    const { workersFor } = this.#parts;
    const session = workersFor.sessionFor(row);
    if (!session || !workersFor.isBest(row, session.view())) return false;
    const giveBack = session.reserve(row.slots);
    this.#promised.set(row.dispatchId, { row, session, giveBack, attempt: undefined });
    return true;
  }

  /** Sends it to its worker, if it is still promised and may be begun before it is committed. */
  begin(dispatchId: string, state: FoldedRun): void {
    const promised = this.#promised.get(dispatchId);
    if (!promised || promised.attempt || this.#begun >= MAX_BEGUN) return;
    const attempt = this.#parts.sender.begin(promised.row, state, promised.session);
    if (!attempt) return;
    this.#promised.set(dispatchId, { ...promised, attempt });
    this.#begun++;
  }

  /** Its commit is told: it is a promise no more. */
  take(dispatchId: string): PromisedJob | undefined {
    const promised = this.#promised.get(dispatchId);
    this.#promised.delete(dispatchId);
    if (promised?.attempt) this.#begun--;
    return promised;
  }

  /** What of these is still promised did not come to be: it is stopped, and its id never used again. True when there was any. */
  withdraw(dispatchIds: Iterable<string>): boolean {
    let any = false;
    for (const id of dispatchIds) {
      const promised = this.take(id);
      if (!promised) continue;
      any = true;
      const { attempt, giveBack } = promised;
      if (!attempt) giveBack();
      else {
        attempt.session?.cancel(id, attempt.epoch);
        this.#parts.attempts.finish(attempt);
      }
    }
    return any;
  }
}
