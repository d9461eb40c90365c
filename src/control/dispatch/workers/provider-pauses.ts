// Providers that have asked to be left alone for a while: whoever uses one of them, on whatever replica, waits until that is over. Memory of this
// replica; what it hears of others is a hint.
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Clock } from '../../../base/clock.ts';
import type { WorkerView } from '../../routing/worker-view.ts';
import type { AttemptEnd } from './settler.ts';

/** A pause that is not said, and the longest that is believed. */
const UNSAID_MS = 1_000;
const LONGEST_MS = 300_000;
/** Accounts remembered. */
const MOST = 1_000;

/** Who is left alone. Workers of some tenants cannot hold up those of others, which have keys of their own at the provider. */
const accountOf = ({ provider, tenants }: WorkerView): string => `${provider} ${[...tenants].sort().join(' ')}`;

export interface ProviderPausesParts {
  readonly clock: Clock;
  /** A pause is over: what waited for it may go. */
  readonly onOver: () => void;
  /** This replica learnt of a pause: the others are to hear of it. */
  readonly onPaused: (account: string, ms: number) => void;
}

export class ProviderPauses {
  readonly #parts: ProviderPausesParts;
  /** By account; monotonic milliseconds. */
  readonly #until = new Map<string, number>();

  constructor(parts: ProviderPausesParts) {
    this.#parts = parts;
  }

  /** Looks whether the end of an attempt of this worker says that its provider wants a pause. */
  ended(worker: WorkerView | undefined, result: AttemptEnd): void {
    if (!worker || result.case !== 'failure' || result.value.reason !== 'PROVIDER_RATE_LIMITED') return;
    const { retryAfter } = result.value;
    const ms = Math.min(retryAfter ? durationMs(retryAfter) : UNSAID_MS, LONGEST_MS);
    if (worker.locality === 'remote' && this.heard(accountOf(worker), ms)) this.#parts.onPaused(accountOf(worker), ms);
  }

  /** A pause of so many milliseconds is wanted; true when that is longer than was known. */
  heard(account: string, ms: number): boolean {
    const { clock, onOver } = this.#parts;
    const pause = Math.min(ms, LONGEST_MS);
    const until = clock.monotonic() + pause;
    const known = this.#until.get(account);
    if (pause <= 0 || until <= (known ?? 0) || (known === undefined && this.#until.size >= MOST)) return false;
    this.#until.set(account, until);
    clock.after(pause, () => {
      if (this.#until.get(account) !== until) return;
      this.#until.delete(account);
      onOver();
    });
    return true;
  }

  /** The worker as it is now: with no slots while its provider is left alone. */
  see(view: WorkerView): WorkerView {
    if (this.#until.size === 0 || view.locality === 'local') return view;
    const until = this.#until.get(accountOf(view));
    if (until === undefined) return view;
    return { ...view, freeSlots: 0, pausedMs: Math.max(until - this.#parts.clock.monotonic(), 1) };
  }

  seeAll(views: readonly WorkerView[]): readonly WorkerView[] {
    return this.#until.size === 0 ? views : views.map((view) => this.see(view));
  }
}
