// Pages of a list that runs by name: size and the opaque token. The token is a position, not a right.
import { AppError } from '../../../../base/errors.ts';

/** Entries of a page when none are asked for, and at most. */
const USUAL = 100;
const MOST = 1000;

export interface Page<T> {
  readonly items: readonly T[];
  /** Empty at the end. */
  readonly next: string;
}

export const pageSize = (asked: number): number => (asked === 0 ? USUAL : Math.min(asked, MOST));

/** The name behind which a page begins. Throws INVALID_ARGUMENT for what is no token of ours. */
export function readToken(token: string): string | undefined {
  if (token === '') return undefined;
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith('>') || text.includes('\0') || !text.isWellFormed()) {
    throw new AppError('INVALID_ARGUMENT', { what: 'the page token is not one of ours' });
  }
  return text.slice(1);
}

/** A page of up to `size + 1` entries that were read. */
export function pageOf<T>(rows: readonly T[], size: number, name: (row: T) => string): Page<T> {
  const items = rows.slice(0, size);
  const last = items.at(-1);
  const more = rows.length > size && last !== undefined;
  return { items, next: more ? Buffer.from(`>${name(last)}`).toString('base64url') : '' };
}
