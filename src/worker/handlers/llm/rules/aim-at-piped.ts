// "How many TODOs?" behind a pipe is about what was piped in, and not about the files of the box.
import { PIPED_NAME } from '../../../../contract/piped-name.ts';
import type { Aim } from './aim.ts';
import type { SharedPath } from './transcript.ts';

/** What is counted in a text. */
const IN_TEXT: ReadonlySet<string> = new Set(['OCCURRENCES', 'WORDS', 'LINES']);

export function aimAtPiped(aim: Aim, shared: readonly SharedPath[]): Aim {
  if (aim.kind !== 'facts' || !shared.some(({ path }) => path === PIPED_NAME)) return aim;
  const facts = aim.facts.map((fact) => {
    const { path, glob, classes } = fact.args;
    const isOpen = path === undefined && glob === undefined && classes === undefined;
    return isOpen && IN_TEXT.has(fact.measure) ? { ...fact, args: { ...fact.args, path: PIPED_NAME } } : fact;
  });
  return { ...aim, facts };
}
