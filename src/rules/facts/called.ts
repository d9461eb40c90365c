// Files that a question tells by their names alone: "named launch", "with plan in their name", "名为发布的". Their text is not meant.
import { anyCase } from '../../base/any-case.ts';
import { literalGlob } from '../../base/glob.ts';
import type { Reading } from './reading.ts';

export interface Called {
  /** As the question says it. */
  readonly said: string;
  /** For a whole name, whatever its ending is. */
  readonly glob?: string;
  /** For a part of a name. */
  readonly name?: string;
}

const WORD = '["“\'`「]?([^"”\'`」?？,，。!！;；\\s的]{1,60})["”\'`」]?';
/** "Whose names contain plan", "文件名里有发布". */
const HOLDS = new RegExp(
  `\\b(?:whose|with)\\s(?:file ?)?names?\\s(?:that )?(?:contain(?:s|ing)?|includ(?:e|es|ing)|ha(?:s|ve|ving)|hold(?:s|ing)?)\\s(?:the )?(?:words? )?${WORD}|(?:文件)?名字?(?:称)?(?:里面?|中)?(?:有|含有?|包含|带有?)(?:了)?\\s{0,2}${WORD}的?|\\b(?:have|has|with|contain(?:s|ing)?)\\s(?:the word )?${WORD}\\sin\\s(?:its|their|the)\\s(?:file ?)?names?\\b`,
  'iu',
);
/** "Named launch", "叫发布". A folder that is called so is read elsewhere. */
const IS = new RegExp(
  `(?<!\\b(?:folder|directory|column|field) )\\b(?:that |which )?(?:are |is )?(?:called|named|whose names? (?:is|are))\\s(?:exactly )?${WORD}|(?:名为|名叫|叫做|叫作|叫|(?:文件)?名字?(?:是|为))\\s{0,2}${WORD}的?`,
  'iu',
);
/** Characters of a pattern for a name, which stands twice in what is asked for. */
const MOST = 120;
const NO_NAME = /^(?:in|the|a|an|is|are|it|that|什么|啥|哪)/i;

/** Takes the name out of a question. */
export function takeCalled(text: Reading): Called | undefined {
  const holds = text.take(HOLDS);
  if (holds) return { said: holds[0].trim(), name: wordIn(holds) };
  const word = wordIn(IS.exec(text.rest));
  if (word === '' || NO_NAME.test(word)) return undefined;
  const [said] = text.take(IS)!;
  const name = anyCase(word).length > MOST ? literalGlob(word) : anyCase(word);
  return { said: said.trim(), glob: `{${name},${name}.*}` };
}

const wordIn = (match: RegExpExecArray | null): string => match?.slice(1).find((each) => each !== undefined) ?? '';
