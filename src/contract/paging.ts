// Pages of lists: how large one is, and the opaque token that says where the next begins. A token is a place, not a right.
import { AppError } from '../base/errors.ts';

export interface ListPage<T> {
  readonly items: T[];
  /** Empty at the end. */
  readonly nextPageToken: string;
}

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** 0 asks for the usual size; what is more than the most is the most. */
export const pageSizeOf = (asked: number, usual: number, most: number): number => Math.min(asked || usual, most);

/** The token of a place. */
export const writePlace = (place: string): string => Buffer.from(`>${place}`).toString('base64url');

/** The place of a token; undefined for the first page. Throws INVALID_ARGUMENT. */
export function readPlace(token: string): string | undefined {
  if (token === '') return undefined;
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith('>') || text.includes('\0') || writePlace(text.slice(1)) !== token) throw foreign();
  return text.slice(1);
}

/** The place of a token as how many items come before it; 0 for the first page. Throws INVALID_ARGUMENT. */
export function readOffset(token: string, most: number): number {
  const place = readPlace(token);
  if (place === undefined) return 0;
  const offset = Number(place);
  if (!/^\d{1,9}$/.test(place) || offset > most) throw foreign();
  return offset;
}

/** One page of a list that is in memory, in the order of keys, of which no two are the same. Throws INVALID_ARGUMENT. */
export function pageOf<T>(
  all: readonly T[],
  key: (item: T) => string,
  { pageSize, pageToken }: PageRequest,
  most: number,
): ListPage<T> {
  const after = readPlace(pageToken);
  const keyed = all.map((item) => ({ item, key: key(item) })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const left = after === undefined ? keyed : keyed.filter((each) => each.key > after);
  const shown = left.slice(0, pageSizeOf(pageSize, 100, most));
  const last = shown.at(-1);
  return {
    items: shown.map(({ item }) => item),
    nextPageToken: last && left.length > shown.length ? writePlace(last.key) : '',
  };
}

/** One page of up to `size + 1` rows that were read from behind a place. */
export function pageOfRows<Row, Item>(
  rows: readonly Row[],
  size: number,
  place: (row: Row) => string,
  item: (row: Row) => Item,
): ListPage<Item> {
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  return { items: shown.map(item), nextPageToken: last && rows.length > size ? writePlace(place(last)) : '' };
}

const foreign = () => new AppError('INVALID_ARGUMENT', { what: 'the page token is not one of ours' });
