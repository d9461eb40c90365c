// Pages of the lists that run newest first.
import { AppError } from '../../base/errors.ts';
import { pageSizeOf, readPlace } from '../../contract/paging.ts';

export interface PageQuery {
  /** 0 or absent means 50; larger than 500 is cut to 500; negative is refused. */
  readonly pageSize?: number;
  /** `nextPageToken` of the page before; empty or absent starts at the newest. */
  readonly pageToken?: string;
}

/** A row of such a list: what comes after it is older, or as old with a smaller id. */
export interface DatedRow {
  readonly created_at: Date;
  readonly id: string;
}

/** Throws INVALID_ARGUMENT. */
export function readPageQuery(query: PageQuery): { size: number; after: { at: Date; id: string } | undefined } {
  const size = query.pageSize ?? 0;
  if (!Number.isInteger(size) || size < 0) throw new AppError('INVALID_ARGUMENT', { what: `page size ${size}` });
  const place = readPlace(query.pageToken ?? '');
  return { size: pageSizeOf(size, 50, 500), after: place === undefined ? undefined : read(place) };
}

export const placeOfRow = ({ created_at, id }: DatedRow): string => `${created_at.getTime()} ${id}`;

function read(place: string): { at: Date; id: string } {
  const match = /^(\d{1,15}) ([^\0]+)$/.exec(place);
  if (!match?.[1] || !match[2]) throw new AppError('INVALID_ARGUMENT', { what: 'the page token is not one of ours' });
  return { at: new Date(Number(match[1])), id: match[2] };
}
