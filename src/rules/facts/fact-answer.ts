// Says a fact around its mark. The value stands on the device alone, which puts it in the place of the mark; whether it is one phrase or
// a list is its matter, so a fact that may be a list stands on lines of its own.
import type { Aim } from '../aim.ts';
import type { AnswerDraft } from '../answer-draft.ts';
import type { AnswerLanguage } from '../language.ts';
import { phrasesIn } from '../phrases.ts';
import { isObject, type Step, type Transcript } from '../transcript.ts';
import type { AskedFact } from './fact-aim.ts';
import { answerOf } from './fact-calls.ts';

/** Adds each fact, and what of the question was not understood. */
export function addFacts(draft: AnswerDraft, aim: Aim, transcript: Transcript): void {
  const phrases = phrasesIn(aim.language);
  const missed: string[] = [];
  for (const asked of aim.facts) {
    const { fact, step, wider } = answerOf(asked, transcript.steps);
    const mark = markIn(step);
    if (draft.lines.length > 0) draft.lines.push('');
    if (mark !== undefined) {
      draft.lines.push(...linesOf(fact, mark, aim.language, wider));
      draft.confidence = 0.95;
    } else if (!transcript.tools.has('fs_query')) draft.lines.push(phrases.noTool('fs_query'));
    else
      draft.lines.push(
        phrases.failed('fs_query', fact.about, `${step?.error?.reason ?? ''} ${step?.error?.message ?? ''}`.trim()),
      );
    missed.push(...(wider ? [String(fact.args.path)] : []), ...fact.missed);
  }
  if (missed.length > 0) {
    draft.lines.push('', phrases.notUnderstood([...new Set(missed)]));
    draft.confidence = Math.min(draft.confidence, 0.5);
  }
}

/** The mark that a call of `fs.Query` gave. */
export function markIn(step: Step | undefined): string | undefined {
  const { result } = step ?? {};
  return isObject(result) && typeof result.mark === 'string' && result.mark !== '' ? result.mark : undefined;
}

type Say = (mark: string, about: string, column: string) => readonly string[];

const of = (about: string): string => (about === '' ? '' : ` (${about})`);
const line =
  (text: string): Say =>
  (mark, about) => [`${text}${of(about)}: ${mark}`];
const list =
  (text: string): Say =>
  (mark, about) => [`${text}${of(about)}:`, '', mark];

const EN: Readonly<Record<string, Say>> = {
  COUNT: (mark, about) => [about === '' ? `In all: ${mark}` : `${capital(about)}: ${mark}`],
  TOTAL_SIZE: line('Size'),
  LARGEST: list('The largest'),
  SMALLEST: list('The smallest'),
  NEWEST: list('Changed last'),
  OLDEST: list('Not changed for the longest time'),
  LIST: list('The files'),
  BY_KIND: list('By kind'),
  BY_FOLDER: list('By folder, the fullest first, without what lies in folders below'),
  FOLDER_SIZES: list('The largest folders, each with all below it'),
  WORDS: line('Words'),
  LINES: line('Lines'),
  OCCURRENCES: list('Occurrences'),
  COLUMN_SUM: (mark, about, column) => [`Sum of ${column}${of(about)}: ${mark}`],
  COLUMN_AVERAGE: (mark, about, column) => [`Average of ${column}${of(about)}: ${mark}`],
  COLUMN_MIN: (mark, about, column) => [`Least ${column}${of(about)}: ${mark}`],
  COLUMN_MAX: (mark, about, column) => [`Greatest ${column}${of(about)}: ${mark}`],
  COLUMN_COUNT: line('Rows'),
  DUPLICATES: list('Files with the same content'),
};

const ofZh = (about: string): string => (about === '' ? '' : `（${about}）`);
const lineZh =
  (text: string): Say =>
  (mark, about) => [`${text}${ofZh(about)}：${mark}`];
const listZh =
  (text: string): Say =>
  (mark, about) => [`${text}${ofZh(about)}：`, '', mark];

const ZH: Readonly<Record<string, Say>> = {
  COUNT: (mark, about) => [about === '' ? `总共：${mark}` : `${about}：${mark}`],
  TOTAL_SIZE: lineZh('大小'),
  LARGEST: listZh('最大的'),
  SMALLEST: listZh('最小的'),
  NEWEST: listZh('最近修改的'),
  OLDEST: listZh('最久没有修改的'),
  LIST: listZh('文件'),
  BY_KIND: listZh('按类型'),
  BY_FOLDER: listZh('按文件夹，从多到少，不含下级文件夹里的'),
  FOLDER_SIZES: listZh('最大的文件夹（各连同其下全部内容）'),
  WORDS: lineZh('字数'),
  LINES: lineZh('行数'),
  OCCURRENCES: listZh('出现次数'),
  COLUMN_SUM: (mark, about, column) => [`${column} 的总和${ofZh(about)}：${mark}`],
  COLUMN_AVERAGE: (mark, about, column) => [`${column} 的平均值${ofZh(about)}：${mark}`],
  COLUMN_MIN: (mark, about, column) => [`${column} 的最小值${ofZh(about)}：${mark}`],
  COLUMN_MAX: (mark, about, column) => [`${column} 的最大值${ofZh(about)}：${mark}`],
  COLUMN_COUNT: lineZh('行数'),
  DUPLICATES: listZh('内容相同的文件'),
};

const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

/** One of the ordered is a phrase, several are a list. */
function linesOf(
  { measure, args, about }: AskedFact,
  mark: string,
  language: AnswerLanguage,
  wider: boolean,
): readonly string[] {
  const say = (language === 'zh' ? ZH : EN)[measure];
  const told = wider
    ? about
        .split(/, |，/)
        .filter((each) => each !== args.path)
        .join(language === 'zh' ? '，' : ', ')
    : about;
  const subject =
    measure === 'OCCURRENCES' ? [...(args.terms as readonly string[]), told].filter(Boolean).join(', ') : told;
  const lines = say?.(mark, subject, String(args.column ?? '')) ?? [mark];
  return args.most === 1 && lines.length === 3 ? [`${lines[0]}${language === 'zh' ? '' : ' '}${mark}`] : lines;
}
