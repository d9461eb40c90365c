// Which workers there are for a job: those connected here with their free slots, and whether one elsewhere would do it for less.
import { likingOf, place, priceFor } from '../../routing/place.ts';
import type { JobNeed, Liking, WorkerView } from '../../routing/worker-view.ts';
import type { WorkerSession } from '../session-ports.ts';
import type { LocalWorkers } from './local-workers.ts';
import type { ProviderPauses } from './provider-pauses.ts';
import { needOf, type RelayRow } from './relay.ts';

export interface WorkersForParts {
  readonly replica: string;
  readonly local: LocalWorkers;
  /** The workers of all replicas. */
  readonly workers: () => readonly WorkerView[];
  readonly pauses: Pick<ProviderPauses, 'see'>;
  /** What workers are preferred by; default nothing. */
  readonly liking?: ((row: RelayRow) => Liking | undefined) | undefined;
}

export class WorkersFor {
  readonly #parts: WorkersForParts;

  constructor(parts: WorkersForParts) {
    this.#parts = parts;
  }

  /** The workers here. */
  here(): WorkerView[] {
    return this.#parts.local.all().map((session) => this.#parts.pauses.see(session.view()));
  }

  elsewhere(): WorkerView[] {
    return this.#parts.workers().filter((view) => view.replica !== this.#parts.replica);
  }

  /** Packages that some worker here serves. */
  packages(): string[] {
    return [...new Set(this.here().flatMap((view) => view.packages.map((served) => served.package)))];
  }

  /** The worker here that has room for it now. */
  sessionFor(row: RelayRow): WorkerSession | undefined {
    const sessions = this.#parts.local.all();
    const placement = place(
      this.#needOf(row),
      sessions.map((session) => this.#parts.pauses.see(session.view())),
    );
    return placement.ok ? sessions.find(({ id }) => id === placement.worker.id) : undefined;
  }

  /** Whether no worker elsewhere is liked more, or as much and would do it now for less. */
  isBest(row: RelayRow, here: WorkerView): boolean {
    const elsewhere = this.elsewhere();
    const need = this.#needOf(row);
    const best = elsewhere.length > 0 ? place(need, elsewhere) : undefined;
    if (!best?.ok) return true;
    const liked = need.liking ? likingOf(need.liking, here) - likingOf(need.liking, best.worker) : 0;
    return liked === 0 ? priceFor(need, here) <= priceFor(need, best.worker) : liked > 0;
  }

  #needOf(row: RelayRow): JobNeed {
    return { ...needOf(row), liking: this.#parts.liking?.(row) };
  }
}

export const servesPackage = (name: string) => (view: WorkerView) =>
  view.packages.some((served) => served.package === name);
