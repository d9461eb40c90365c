// Short ids. An id begins with the time at which it was made, so that those of one minute begin alike; their ends differ. A list shows ends,
// and whoever takes an id takes the end or the begin of one.
import { AppError } from '../base/errors.ts';
import { inertLine } from '../base/inert.ts';

const SHORTEST = 8;
/** A whole id, or what stands for something else. */
const PART = /^(?=.{4,35}$)[0-9a-f]+(?:-[0-9a-f]+)*$/i;
/** Candidates that are listed. */
const MOST_LISTED = 5;

/** The ends that tell these ids apart. What is no UUID stays whole. */
export function shortIds(ids: readonly string[]): Map<string, string> {
  const all = [...new Set(ids)];
  const taken = (length: number) => new Set(all.map((id) => id.slice(-length))).size;
  let length = SHORTEST;
  while (length < 36 && taken(length) < all.length) length += 1;
  return new Map(all.map((id) => [id, isWhole(id) ? id.slice(-length) : id]));
}

export const isWhole = (id: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id);

/** Something that has an id, and a few words that tell a person what it is. */
export interface LabelledId {
  readonly id: string;
  readonly about: string;
}

/**
 * The whole id that a part of one means. What is no part of an id, and what nothing listed has, stays as it is: the other side says that
 * there is none. Throws USAGE when it means several, with them.
 */
export async function wholeId(
  typed: string,
  kind: string,
  list: () => Promise<readonly LabelledId[]>,
): Promise<string> {
  if (!PART.test(typed)) return typed;
  const part = typed.toLowerCase();
  const all = new Map((await list()).map((each) => [each.id, each]));
  const found = [...all.values()].filter(({ id }) => id.startsWith(part) || id.endsWith(part));
  if (found.length <= 1) return found[0]?.id ?? typed;
  const lines = found.slice(0, MOST_LISTED).map(({ id, about }) => `\n  ${id}  ${inertLine(about)}`);
  const more = found.length > MOST_LISTED ? `\n  and ${found.length - MOST_LISTED} more` : '';
  throw new AppError('USAGE', {
    what: `${typed} means more than one ${kind}; type more of the id:${lines.join('')}${more}`,
  });
}
