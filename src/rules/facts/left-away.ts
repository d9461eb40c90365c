// What an exception of a question means for `fs.Query`: kinds of files, places, names, words in their text. What is none of these is not understood.
import { anyCase } from '../../base/any-case.ts';
import { globFor } from '../name-glob.ts';
import { namesIn } from '../names.ts';
import type { Exception } from './exceptions.ts';
import { readFilters } from './filters.ts';
import { Reading } from './reading.ts';

export interface LeftAway {
  readonly classes: readonly string[];
  readonly globs: readonly string[];
  /** What the text of a file must not have. */
  readonly terms: readonly string[];
  /** The words of the question for what was understood, and for what was not. */
  readonly said: readonly string[];
  readonly missed: readonly string[];
}

export const NOTHING_LEFT_AWAY: LeftAway = { classes: [], globs: [], terms: [], said: [], missed: [] };

/** @param aboutText whether the question asks for what files say, so that "but not" speaks of their text: "mention A but not B" */
export function leftAwayBy(exceptions: readonly Exception[], aboutText: boolean): LeftAway {
  const all = exceptions.map(({ said, what }) => ({
    said,
    meant: meantBy(what, aboutText && /^but not\b/i.test(said)),
  }));
  const meant = all.flatMap((one) => one.meant ?? []);
  return {
    classes: meant.flatMap(({ classes }) => classes),
    globs: meant.flatMap(({ globs }) => globs),
    terms: meant.flatMap(({ terms }) => terms),
    said: all.filter((one) => one.meant).map(({ said }) => said),
    missed: all.filter((one) => !one.meant).map(({ said }) => said),
  };
}

type Meant = Pick<LeftAway, 'classes' | 'globs' | 'terms'>;
const NONE: Meant = { classes: [], globs: [], terms: [] };

const TERM =
  /^(?:(?:to )?(?:mention(?:s|ed|ing)?|contain(?:s|ed|ing)?|includ(?:e|es|ed|ing)|say(?:s|ing)?|talk(?:s|ing)? about|(?:any )?mention of|about|the words?)\s{1,4}(?:the (?:words?\s{1,4})?|an? |any |words? )?|(?:提到|包含|含有|提及|写到|说到|讲到|说过|关于|出现)(?:了|过)?)["“'`「]?([^"”'`」]{1,80})["”'`」]?$/iu;
const PLACE =
  /^(?:(?:those|these|the ones|ones|files|notes|anything|everything|what(?:'s| is)|all|the)\s{1,4}){0,3}(?:(?:in|inside|under|within|from|outside(?: of)?)\s{1,4}(?:the\s{1,4}|my\s{1,4})?([\p{L}\p{N}_./-]{1,100})(?:\s{1,4}(?:folder|directory))?|([\p{L}\p{N}_./-]{1,100})\s{1,4}(?:folder|directory))$|^在?([\p{L}\p{N}_./-]{1,100}?)\s{0,4}(?:(?:文件夹|目录)(?:里面?|中|下面?|内)?|里面?|中|下面?)(?:的)?(?:文件|笔记|东西)?$/iu;
const SMALL =
  /\b(?:an?|any|all|the|my|those|these|and|or|nor|files?|ones|of|kind|type)\b|和|或者?|与|及|、|任何|所有|文件|的/gi;

function meantBy(what: string, aboutText: boolean): Meant | undefined {
  const term = TERM.exec(what)?.[1]?.trim();
  if (term) return { ...NONE, terms: [term] };
  const place = PLACE.exec(what)
    ?.slice(1)
    .find((each) => each !== undefined);
  if (place) return { ...NONE, globs: [`**/${place.split('/').filter(Boolean).join('/')}/**`] };
  const { files, globs, rest } = namesIn(what);
  const names = [...globs, ...files.map((name) => (name.includes('/') ? globFor(name) : anyCase(name)))];
  const text = new Reading(rest);
  const { classes, glob } = readFilters(text, true);
  const isRead = text.rest.replace(SMALL, ' ').trim() === '';
  const found = { classes, globs: glob === '' ? names : [...names, glob], terms: [] };
  if (isRead && found.classes.length + found.globs.length > 0) return found;
  return aboutText && names.length === 0 ? { ...NONE, terms: [what.replace(/^(?:the|an?|any)\s/i, '')] } : undefined;
}
