// Says plainly which content was withheld and what is known without it. How to share it is said by whoever shows the answer: it
// is told with the outcome.

import type { Aim } from './aim.ts';
import type { AnswerDraft } from './answer-draft.ts';
import { aboutFile } from './describe-file.ts';
import type { ReadFile } from './evidence.ts';
import { phrasesIn } from './phrases.ts';

/** Adds the withheld files to an answer; `beside` when other files could be read. */
export function addWithheld(draft: AnswerDraft, aim: Aim, files: readonly ReadFile[], beside: boolean): void {
  const phrases = phrasesIn(aim.language);
  const names = files.map((file) => file.path).join(', ');
  if (beside) draft.lines.push('', phrases.withheldToo);
  else {
    draft.lines.push(phrases.withheld(names, aim.kind === 'ask' ? aim.subject.join(' ') : ''), phrases.known);
    draft.confidence = 0.1;
  }
  for (const file of files) {
    const about = aboutFile(file.info, aim.language);
    draft.lines.push(`- ${file.path}${about ? `: ${about}` : ''}`);
  }
}
