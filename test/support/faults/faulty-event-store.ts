// A fault port: an event store whose commits fail, hang or lose their answer by a seeded plan. It never changes what the store
// beneath holds.
import { AppError } from '../../../src/base/errors.ts';
import type { CommitResult, CommitUnit, EventStore } from '../../../src/control/store/unit.ts';

export interface FaultPlan {
  /** The same seed and the same order of commits give the same faults. */
  readonly seed: number;
  /** Shares of commits, each from 0 to 1, together at most 1. */
  readonly failBefore?: number;
  readonly hang?: number;
  readonly commitThenTimeout?: number;
}

export type CommitFault = 'none' | 'failBefore' | 'hang' | 'commitThenTimeout';

export class FaultyEventStore implements EventStore {
  readonly #inner: EventStore;
  readonly #plan: FaultPlan;
  readonly #hanging = new Set<(error: AppError) => void>();
  /** How often each fault was played. */
  readonly played: Record<CommitFault, number> = { none: 0, failBefore: 0, hang: 0, commitThenTimeout: 0 };
  #state: number;

  constructor(inner: EventStore, plan: FaultPlan) {
    this.#inner = inner;
    this.#plan = plan;
    this.#state = plan.seed >>> 0;
  }

  async commit(unit: CommitUnit): Promise<CommitResult> {
    const fault = this.#next();
    this.played[fault]++;
    if (fault === 'failBefore') throw timeout('fault: failed before');
    if (fault === 'hang') return new Promise((_resolve, reject) => this.#hanging.add(reject));
    const result = await this.#inner.commit(unit);
    if (fault === 'commitThenTimeout') throw timeout('fault: committed, answer lost');
    return result;
  }

  outcome(tenant: string, source: string, commandId: string): Promise<Uint8Array | undefined> {
    return this.#inner.outcome(tenant, source, commandId);
  }

  load(tenant: string, stream: string, after?: number): ReturnType<EventStore['load']> {
    return this.#inner.load(tenant, stream, after);
  }

  /** Lets every commit that hangs fail now (nothing of it was written). */
  release(): void {
    for (const reject of this.#hanging) reject(timeout('fault: hung'));
    this.#hanging.clear();
  }

  // Mulberry32: small, and good enough to spread faults.
  #next(): CommitFault {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    let roll = ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
    for (const fault of ['failBefore', 'hang', 'commitThenTimeout'] as const) {
      roll -= this.#plan[fault] ?? 0;
      if (roll < 0) return fault;
    }
    return 'none';
  }
}

const timeout = (problem: string) => new AppError('STORE_UNAVAILABLE', { problem });
