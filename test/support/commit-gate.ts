// A port before an event store at which single commits are held, and then pass, fail, lose their answer, or find that another was first.
import { AppError } from '../../src/base/errors.ts';
import type { CommitResult, CommitUnit, EventStore } from '../../src/control/store/unit.ts';

export interface HeldCommit {
  readonly unit: CommitUnit;
  /** It is committed, and its answer comes. */
  pass(): void;
  /** It is committed, and its answer is lost. */
  passSilently(): void;
  /** It is refused for good; nothing is written. */
  refuse(): void;
  /** Another commit was first; nothing is written. */
  conflict(): void;
}

type Way = 'pass' | 'silent' | 'refuse' | 'conflict';

export class CommitGate {
  readonly held: HeldCommit[] = [];
  #wanted: ((unit: CommitUnit) => boolean) | undefined;

  /** Holds the commits that this is true for, until told otherwise. */
  hold(wanted: ((unit: CommitUnit) => boolean) | undefined): void {
    this.#wanted = wanted;
  }

  wrap(store: EventStore): EventStore {
    return {
      commit: async (unit) => {
        if (!this.#wanted?.(unit)) return store.commit(unit);
        const way = await new Promise<Way>((resolve) => {
          this.held.push({
            unit,
            pass: () => resolve('pass'),
            passSilently: () => resolve('silent'),
            refuse: () => resolve('refuse'),
            conflict: () => resolve('conflict'),
          });
        });
        return this.#through(store, unit, way);
      },
      outcome: (...of) => store.outcome(...of),
      load: (...of) => store.load(...of),
    };
  }

  async #through(store: EventStore, unit: CommitUnit, way: Way): Promise<CommitResult> {
    if (way === 'refuse') throw new AppError('STORE_REFUSED', { problem: 'the test refuses it' });
    if (way === 'conflict') return { status: 'conflict' };
    const result = await store.commit(unit);
    if (way === 'silent') throw new AppError('STORE_UNAVAILABLE', { problem: 'the test lost the answer' });
    return result;
  }
}

/** Whether a commit hands something to a worker. */
export const handsOut = (unit: CommitUnit): boolean => unit.outbox.some(({ target }) => target === 'worker');
