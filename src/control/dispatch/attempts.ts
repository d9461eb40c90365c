// The attempts that workers run for this replica, and their text. Memory only: the truth is the outbox.

import type { TakenJob } from '../queue/ports.ts';
import type { StoredOutboxRow } from '../store/outbox.ts';
import { AttemptText } from './attempt-text.ts';
import type { WorkerSession } from './session-ports.ts';

export interface Attempt {
  readonly tenant: string;
  readonly run: string;
  readonly job: string;
  readonly epoch: number;
  readonly dispatchId: string;
  readonly capability: string;
  /** Whether its messages are streamed to a caller as they are. */
  readonly isCall: boolean;
  readonly text: AttemptText;
  /** False after an adoption: earlier text is not known here, so none is streamed until the result. */
  readonly live: boolean;
  taken: TakenJob | undefined;
  session: WorkerSession | undefined;
  targetName: string;
  nextIndex: number;
  /** Its result is being committed. */
  settling: boolean;
}

export class Attempts {
  readonly #byId = new Map<string, Attempt>();

  get(dispatchId: string): Attempt | undefined {
    return this.#byId.get(dispatchId);
  }

  /** The attempt of a job, whichever its epoch. */
  ofJob(tenant: string, job: string): Attempt | undefined {
    return [...this.#byId.values()].find((attempt) => attempt.job === job && attempt.tenant === tenant);
  }

  add(
    row: StoredOutboxRow,
    more: Pick<Attempt, 'isCall' | 'live' | 'session' | 'targetName'> & { taken?: TakenJob; nextIndex?: number },
  ): Attempt {
    const attempt: Attempt = {
      tenant: row.tenant,
      run: row.run,
      job: row.job,
      epoch: row.epoch,
      dispatchId: row.dispatchId,
      capability: row.capability,
      isCall: more.isCall,
      live: more.live,
      text: new AttemptText(row.job, row.epoch),
      taken: more.taken,
      session: more.session,
      targetName: more.targetName,
      nextIndex: more.nextIndex ?? 0,
      settling: false,
    };
    this.#byId.set(row.dispatchId, attempt);
    return attempt;
  }

  remove(dispatchId: string): Attempt | undefined {
    const attempt = this.#byId.get(dispatchId);
    this.#byId.delete(dispatchId);
    return attempt;
  }

  ids(): string[] {
    return [...this.#byId.keys()];
  }

  ofSession(session: WorkerSession): Attempt[] {
    return [...this.#byId.values()].filter((attempt) => attempt.session === session);
  }

  get size(): number {
    return this.#byId.size;
  }
}
