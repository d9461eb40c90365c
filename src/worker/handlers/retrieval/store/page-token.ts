// Pages of a list that runs by name, of rows that the database gives.
import { sizeOf, writePlace } from '../../../../contract/paging.ts';

/** Entries of a page when none are asked for, and at most. */
const USUAL = 100;
const MOST = 1000;

export interface Page<T> {
  readonly items: readonly T[];
  /** Empty at the end. */
  readonly next: string;
}

export const pageSize = (asked: number): number => sizeOf(asked, USUAL, MOST);

/** A page of up to `size + 1` entries that were read. */
export function pageOf<T>(rows: readonly T[], size: number, name: (row: T) => string): Page<T> {
  const items = rows.slice(0, size);
  const last = items.at(-1);
  const more = rows.length > size && last !== undefined;
  return { items, next: more ? writePlace(name(last)) : '' };
}
