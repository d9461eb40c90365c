// A pattern as List, Search and Query take it, for a place below a root. People and models write places as Bowline tells them, with the root's
// name first, and as their own machine does, from `/` or `~` on; all of these mean the same file. Pure.
import { homedir } from 'node:os';
import { asWritten } from '../../base/any-case.ts';
import { globOf, nameGlob, namePattern } from '../../base/glob.ts';
import { formOf } from '../../base/same-name.ts';
import type { JudgedPath } from '../allowlist/judge-path.ts';

/** Without a slash the pattern is for the name alone, and an empty one means everything. */
export function placeGlob(pattern: string): (judged: JudgedPath) => boolean {
  const below = nameGlob(pattern);
  const named = rootGlob(pattern);
  // Names alone, in any letter case: patterns would tell, guess by guess, where on this machine the root lies.
  const isWhole = /^~?\//.test(pattern) && !/[*?{}[\]]/.test(asWritten(pattern));
  const whole = isWhole ? globOf(pattern.replace(/^~/, () => homedir())) : undefined;
  return (judged) =>
    below(judged.relative || judged.name) ||
    named(judged) ||
    (whole !== undefined && [judged.root.path, judged.root.realPath].some((base) => isBeneath(whole, base, judged)));
}

const isBeneath = (glob: { matches(path: string): boolean }, base: string, { relative }: JudgedPath): boolean =>
  glob.matches(relative === '' ? base : `${base}/${relative}`);

/** A pattern whose first name is that of a root, not a pattern itself: `docs/*.md`, or `**\/docs/*.md` for any place. */
function rootGlob(pattern: string): (judged: JudgedPath) => boolean {
  const [, head, rest] = /^(?:\*\*\/)?([^/*?{}]+)\/(.+)$/s.exec(pattern) ?? [];
  if (head === undefined || rest === undefined) return () => false;
  const isRoot = namePattern(formOf(head));
  const inside = globOf(rest);
  return ({ root, relative }) => isRoot(formOf(root.name)) && inside.matches(relative);
}

/** The one name that a pattern is for, to be told to people; undefined where it is for several. A Chinese name may stand behind a star. */
export function nameIn(pattern: string): string | undefined {
  const name = pattern.replace(/^\*\*\//, '').replace(/^\*(?=[^.*?{}]+\.)/, '');
  const written = asWritten(name);
  return name !== '' && !/[*?{}]/.test(name.replace(/\[[*?[{]\]/g, '')) ? written : undefined;
}
