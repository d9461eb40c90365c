// What is shared with a question tells more of what it means than its words alone.
import { PIPED_NAME } from '../contract/piped-name.ts';
import type { Aim } from './aim.ts';
import type { SharedPath } from './transcript.ts';

/** What is counted in a text. */
const IN_TEXT: ReadonlySet<string> = new Set(['OCCURRENCES', 'WORDS', 'LINES']);

export function aimAtShared(aim: Aim, shared: readonly SharedPath[]): Aim {
  if (aim.kind === 'find' && shared.length > 0 && isPlace(aim)) return { ...aim, kind: 'ask' };
  return aim.kind === 'facts' && shared.some(({ path }) => path === PIPED_NAME) ? aimAtPiped(aim) : aim;
}

/** "Where is the launch?" asks a text that is there for a place, and not for files. */
const isPlace = ({ question, subject, files, globs }: Aim): boolean =>
  subject.length > 0 &&
  files.length + globs.length === 0 &&
  /^(?:and |so )?where\b|在哪[里儿]?[？?。\s]*$/i.test(question) &&
  !/\b(?:files?|notes?|documents?|folders?|mention\w*|say|written|stands?)\b|文件|笔记|文档|提到|写/i.test(question);

/** "How many TODOs?" behind a pipe is about what was piped in, and not about the files of the box. */
function aimAtPiped(aim: Aim): Aim {
  const facts = aim.facts.map((fact) => {
    const { path, glob, classes } = fact.args;
    const isOpen = path === undefined && glob === undefined && classes === undefined;
    return isOpen && IN_TEXT.has(fact.measure) ? { ...fact, args: { ...fact.args, path: PIPED_NAME } } : fact;
  });
  return { ...aim, facts };
}
