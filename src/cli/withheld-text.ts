// What was withheld, in words, and the words that would share it. Names come from the box relative to its roots; here they
// become paths that a `--share` in the caller's folder finds.
import { existsSync } from 'node:fs';
import { basename, isAbsolute, join, relative } from 'node:path';
import { SizeClassSchema, type Withheld } from '../../gen/bowline/run/v1/run_pb.ts';
import { shellQuote } from '../base/shell-quote.ts';
import { type WithheldWord, withheldWord } from '../contract/withheld.ts';
import { enumText } from './plain.ts';

const WHY: Readonly<Record<WithheldWord, string>> = {
  NO_GRANT: 'not shared',
  RANGE: 'outside the shared lines',
  BUDGET: 'there was more than one call looks at, so something may be missing',
  CAP: 'the share met its limit',
  UNREADABLE_NAME: 'with signs that cannot be told safely, so left out',
  TERM_NOT_IN_ASK:
    'some words were not searched for in files that are not shared, as they are too short or not of your question',
  SEARCH_BUDGET:
    'as many words as one ask may search for in files that are not shared were searched for; share the files',
  RECIPIENT: 'shared with someone else',
  CHANGED: 'changed after it was shared',
  RESTARTED: 'no longer shared since the edge started again',
  DAY_CAP: 'does not fit in what may still leave this box today',
  EXPIRED: 'no longer shared, because the time of the share was over',
};

/** A reason code in words. */
const whyText = (why: string): string =>
  Object.hasOwn(WHY, why) ? WHY[why as WithheldWord] : 'for a reason that this version does not know';

/** What is told of something that stayed on the box; a call's trailers tell no size. */
type Stayed = Pick<Withheld, 'name' | 'field'> &
  Partial<Pick<Withheld, 'size' | 'hint'>> & { readonly why: Withheld['why'] | string };

/** What the box says of the day, which is not the same for each file. */
const remedyOf = (stayed: Stayed | undefined): string =>
  stayed?.why === 'DAY_CAP' && stayed.hint ? `; ${stayed.hint}` : '';

/** One line per name: `docs/notes.md: text (under 16k), not shared`. */
export function withheldLines(withheld: readonly Stayed[]): string[] {
  const worded = withheld.map((each) => ({ ...each, why: wordOf(each.why) }));
  const byName = Map.groupBy(worded, ({ name, why }) => `${name}\0${why}`);
  return [...byName.values()].map((items) => {
    const [{ name, why, size = 0 }] = items as [(typeof items)[number], ...typeof items];
    const fields = [...new Set(items.map(({ field }) => field))].join(', ');
    const sized = size === 0 ? '' : ` (${enumText(SizeClassSchema, size).replaceAll('_', ' ')})`;
    return `${name || 'result'}: ${fields}${sized}, ${whyText(why)}${remedyOf(items[0])}`;
  });
}

/** Names that a line of the summary has. */
const MOST_NAMES = 3;

/** One line for each reason, with the first names: `not shared: notes/a.md, notes/b.md, notes/c.md and 28 more`. */
export function withheldSummary(withheld: readonly Stayed[]): string[] {
  // That fields of nothing in particular are missing without a share helps nobody.
  const told = withheld.filter(({ name, why }) => name !== '' || wordOf(why) !== 'NO_GRANT');
  const worded = told.map((each) => ({ ...each, why: wordOf(each.why) }));
  return [...Map.groupBy(worded, (each) => `${each.why}${remedyOf(each)}`).values()].map((items) => {
    const why = `${whyText(items[0]?.why ?? '')}${remedyOf(items[0])}`;
    const names = [...new Set(items.map(({ name }) => name))].filter((name) => name !== '');
    if (names.length === 0) return why;
    const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
    return `${why}: ${names.slice(0, MOST_NAMES).join(', ')}${more}`;
  });
}

const wordOf = (why: Stayed['why']): string => (typeof why === 'string' ? why : withheldWord(why));

/** The `--share` values that would grant what was withheld: as paths where the roots tell them, else as the box hinted. */
export function sharesFor(withheld: readonly Withheld[], roots: readonly string[], cwd: string): string[] {
  const values = withheld.flatMap(({ name, hint }) => {
    const hinted = SHARE_HINT.exec(hint);
    if (!hinted) return [];
    return [pathOf(name, roots, cwd) ?? (hinted[1] ?? hinted[2] ?? '').replaceAll(`'\\''`, `'`)];
  });
  return [...new Set(values)];
}

/** The line to type. @param program as `calledAs` tells it */
export function askLine(program: string, shares: readonly string[], conversation: string, text: string): string {
  const words = shares.flatMap((share) => ['--share', shellQuote(share)]);
  const quoted = shellQuote(text);
  return [
    program,
    'ask',
    ...words,
    '-c',
    shellQuote(conversation),
    quoted.startsWith("'") ? quoted : `'${quoted}'`,
  ].join(' ');
}

/** Whether a share would grant it. */
export const isShareable = ({ hint }: Pick<Withheld, 'hint'>): boolean => SHARE_HINT.test(hint);

const SHARE_HINT = /^--share (?:'(.+)'|(\S+))$/;

/** The same as someone in this folder would type it. */
function pathOf(name: string, roots: readonly string[], cwd: string): string | undefined {
  const path = diskPathOf(name, roots);
  if (path === undefined) return undefined;
  const near = relative(cwd, path);
  return near === '' || near.startsWith('..') ? path : near;
}

/** The path of `root/rest` when a root of the status, `root (/its/path)`, tells it and it exists. */
export function diskPathOf(name: string, roots: readonly string[]): string | undefined {
  for (const root of roots) {
    const [, rootName = '', folder = ''] = /^(.+?) \((\/.*)\)$/s.exec(root) ?? ['', basename(root), root];
    if (!isAbsolute(folder) || (name !== rootName && !name.startsWith(`${rootName}/`))) continue;
    const path = join(folder, name.slice(rootName.length));
    if (existsSync(path)) return path;
  }
  return undefined;
}
