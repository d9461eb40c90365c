// Pages of a list that runs by name, of rows that the database gives.
import { pageSizeOf, writePlace } from '../../../../contract/paging.ts';

/** Entries of a page when none are asked for, and at most. */
const USUAL = 100;
const MOST = 1000;

export interface ListPage<T> {
  readonly items: readonly T[];
  /** Empty at the end. */
  readonly next: string;
}

export const pageSize = (asked: number): number => pageSizeOf(asked, USUAL, MOST);

/** A page of up to `size + 1` entries that were read. */
export function pageOfRows<T>(rows: readonly T[], size: number, name: (row: T) => string): ListPage<T> {
  const items = rows.slice(0, size);
  const last = items.at(-1);
  const more = rows.length > size && last !== undefined;
  return { items, next: more ? writePlace(name(last)) : '' };
}
