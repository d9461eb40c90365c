// Looks through the free jobs of the store for those that workers of this replica can serve, and says whose turn it is.
import { chooseFair, FairTurns } from '../../routing/fair.ts';
import { misfit } from '../../routing/fit.ts';
import { serves, type WorkerView } from '../../routing/worker-view.ts';
import { type FreeCursor, type Outbox, placeInLine, type StoredOutboxRow } from '../../store/outbox.ts';
import { needOf, type RelayRow } from './relay.ts';

/** Tenants whose lines are looked at in one go; the next go begins with the one after them. */
const TENANTS = 64;
/** Of each tenant at least so many are looked at. */
const EACH = 4;
/** Free jobs of one tenant read from the store at once, and how often in one go, where its first ones are for nobody here. */
const PAGE = 128;
const PAGES = 8;

/** What is remembered of a capability. */
interface Lines {
  readonly turns: FairTurns;
  /** The tenant after which the next search begins. */
  after: string;
  /** How many tenants the last search found. */
  tenants: number;
  /** It gave less than it was asked for, although there is more. */
  isCut: boolean;
  /** By tenant: where the search goes on, when its first jobs are for nobody here. */
  readonly cursors: Map<string, FreeCursor>;
}

export interface FreeSearchParts {
  readonly outbox: Pick<Outbox, 'lines' | 'free'>;
  /** By tenant; others have 1. */
  readonly weights: ReadonlyMap<string, number>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class FreeSearch {
  readonly #parts: FreeSearchParts;
  readonly #lines = new Map<string, Lines>();

  constructor(parts: FreeSearchParts) {
    this.#parts = parts;
  }

  /** Whether the last search of the capability ended before the end. */
  goesOn(capability: string): boolean {
    const lines = this.#lines.get(capability);
    return lines !== undefined && (lines.isCut || lines.after !== '' || lines.cursors.size > 0);
  }

  /** Jobs that one of these workers could serve, were it idle, in the order in which they go; at most `most`. */
  async find(
    capability: string,
    workers: readonly WorkerView[],
    most: number,
    skip: (dispatchId: string) => boolean,
  ): Promise<string[]> {
    const known = this.#linesOf(capability);
    const each = Math.min(Math.max(Math.ceil((2 * most) / known.tenants), EACH), PAGE);
    const lines = await this.#firstOf(capability, known, each);
    const isForHere = (row: StoredOutboxRow) =>
      !skip(row.dispatchId) && workers.some((view) => couldServe(view, { ...row, method: '' }));
    let pages = PAGES;
    let isCut = false;
    const candidates: StoredOutboxRow[][] = [];
    for (const [tenant, line] of lines) {
      let found = line.filter(isForHere);
      let after = known.cursors.get(tenant) ?? line.at(-1)!;
      let isEnd = line.length < each;
      while (found.length === 0 && !isEnd && pages-- > 0) {
        const page = await this.#parts.outbox.free(capability, tenant, PAGE, after);
        found = page.filter(isForHere);
        isEnd = page.length < PAGE;
        // What was found may not all be taken, so the next search looks at the same page.
        if (found.length === 0 && !isEnd) after = page.at(-1)!;
      }
      const isOver = isEnd && found.length === 0;
      if (!isEnd && found.length > 0) isCut = true;
      if (isOver || line.some(isForHere)) known.cursors.delete(tenant);
      else known.cursors.set(tenant, after);
      candidates.push(found);
    }
    const waiting = candidates.map((line) => line.map((row) => ({ ...row, placeAt: placeInLine(row) })));
    const chosen = chooseFair(waiting, known.turns, this.#parts.now(), most);
    known.isCut = isCut && chosen.length < most;
    return chosen.map(({ dispatchId }) => dispatchId);
  }

  /** Jobs that this replica has from now on, however it found them. */
  serve(rows: readonly StoredOutboxRow[]): void {
    for (const row of rows) this.#linesOf(row.capability).turns.serve(row);
  }

  #linesOf(capability: string): Lines {
    let lines = this.#lines.get(capability);
    if (!lines) {
      lines = { turns: new FairTurns(this.#parts.weights), after: '', tenants: 1, isCut: false, cursors: new Map() };
      this.#lines.set(capability, lines);
    }
    return lines;
  }

  /** The first jobs of each tenant, of at most so many tenants from where the last search ended, in a circle. */
  async #firstOf(capability: string, known: Lines, each: number): Promise<Map<string, StoredOutboxRow[]>> {
    const { outbox } = this.#parts;
    const from = known.after;
    const lines = Map.groupBy(await outbox.lines(capability, from, TENANTS, each), ({ tenant }) => tenant);
    if (from !== '' && lines.size < TENANTS) {
      const others = await outbox.lines(capability, '', TENANTS - lines.size, each);
      for (const [tenant, line] of Map.groupBy(others, ({ tenant }) => tenant))
        if (tenant <= from) lines.set(tenant, line);
    }
    known.after = lines.size < TENANTS ? '' : [...lines.keys()].at(-1)!;
    known.tenants = Math.max(lines.size, 1);
    if (known.after === '')
      for (const tenant of known.cursors.keys()) if (!lines.has(tenant)) known.cursors.delete(tenant);
    return lines;
  }
}

/** Whether it could serve the job, if it were idle. */
export const couldServe = (view: WorkerView, row: RelayRow): boolean =>
  serves(view, row.tenant) && !misfit(needOf(row), view)?.permanent;
