// Looks through the free jobs of the store, in their order, for those that workers of this replica can serve.
import { misfit } from '../../routing/fit.ts';
import { serves, type WorkerView } from '../../routing/worker-view.ts';
import type { FreeCursor, Outbox } from '../../store/outbox.ts';
import { needOf, type RelayRow } from './relay.ts';

/** Free jobs read from the store at once, and how often in one go. */
const PAGE = 128;
const PAGES = 8;

export class FreeSearch {
  readonly #outbox: Outbox;
  /** Where the search for a capability goes on, when the first jobs are for nobody here. */
  readonly #cursors = new Map<string, FreeCursor>();

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Whether the last search of the capability ended before the end. */
  goesOn(capability: string): boolean {
    return this.#cursors.has(capability);
  }

  /** The first jobs that one of these workers could serve, were it idle; at most `most`. */
  async find(
    capability: string,
    workers: readonly WorkerView[],
    most: number,
    skip: (dispatchId: string) => boolean,
  ): Promise<string[]> {
    const wanted: string[] = [];
    let after = this.#cursors.get(capability);
    this.#cursors.delete(capability);
    for (let page = 1; wanted.length < most; page++) {
      const rows = await this.#outbox.free(capability, PAGE, after);
      for (const row of rows) {
        if (wanted.length >= most) break;
        if (skip(row.dispatchId)) continue;
        if (workers.some((view) => couldServe(view, { ...row, method: '' }))) wanted.push(row.dispatchId);
      }
      if (rows.length < PAGE) break;
      after = rows.at(-1)!;
      if (page < PAGES) continue;
      // Everything so far is for others: the next search begins behind it.
      if (wanted.length === 0) this.#cursors.set(capability, after);
      break;
    }
    return wanted;
  }
}

/** Whether it could serve the job, if it were idle. */
export const couldServe = (view: WorkerView, row: RelayRow): boolean =>
  serves(view, row.tenant) && !misfit(needOf(row), view)?.permanent;
