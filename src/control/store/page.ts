// Pages of a list that runs newest first: size and the opaque token. The token is a position, not a right.
import { AppError } from '../../base/errors.ts';
import { readPlace, writePlace } from '../../contract/paging.ts';

export interface PageQuery {
  /** 0 or absent means 50; larger than 500 is cut to 500; negative is refused. */
  readonly pageSize?: number;
  /** `nextPageToken` of the page before; empty or absent starts at the newest. */
  readonly pageToken?: string;
}

export interface StorePage<T> {
  readonly items: T[];
  /** Empty at the end. */
  readonly nextPageToken: string;
}

/** The last row of a page: what comes after it is older, or as old with a smaller id. */
export interface PagePosition {
  readonly at: Date;
  readonly id: string;
}

export function readPageQuery(query: PageQuery): { size: number; after: PagePosition | undefined } {
  const size = query.pageSize ?? 0;
  if (!Number.isInteger(size) || size < 0) throw new AppError('INVALID_ARGUMENT', { what: `page size ${size}` });
  return {
    size: size === 0 ? 50 : Math.min(size, 500),
    after: query.pageToken ? readToken(query.pageToken) : undefined,
  };
}

/** Makes a page of up to `size + 1` rows read. */
export function toPage<R, T>(
  rows: readonly R[],
  size: number,
  at: (row: R) => PagePosition,
  item: (row: R) => T,
): StorePage<T> {
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  const more = rows.length > size && last !== undefined;
  return { items: shown.map(item), nextPageToken: more ? writeToken(at(last)) : '' };
}

const writeToken = ({ at, id }: PagePosition) => writePlace(`${at.getTime()} ${id}`);

function readToken(token: string): PagePosition {
  const match = /^(\d{1,15}) ([^\0]+)$/.exec(readPlace(token) ?? '');
  if (!match?.[1] || !match[2]) throw new AppError('INVALID_ARGUMENT', { what: 'the page token is not one of ours' });
  return { at: new Date(Number(match[1])), id: match[2] };
}
