// What a key means at the question. Pure. Nothing but a `y`, an `a` or an `r` is a yes.
import { type Approval, ApprovalScope } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { asCalled } from '../../base/called-as.ts';
import { widthOf } from '../../base/text-columns.ts';
import { isAllowable, mayAllowRun } from './approval-view.ts';
import { effectTitle } from './effect-lines.ts';
import { cutMiddle } from './seen-text.ts';
import { SHARE_KEYS } from './share-lines.ts';

/** The calls of one step that wait, as far as they were shown; the first one is asked about. */
export interface AskedStep {
  readonly first: Approval;
  /** With the first one. */
  readonly waiting: readonly Approval[];
  /** Which one the first is, from 1. */
  readonly number: number;
  /** Of the step, also those that were answered. */
  readonly all: number;
}

export type AnswerChoice =
  | {
      readonly is: 'answer';
      readonly which: readonly Approval[];
      readonly allow: boolean;
      readonly scope: ApprovalScope;
    }
  | { readonly is: 'explain' | 'whole' | 'nothing' };

export function choiceOf(key: string, { first, waiting }: AskedStep): AnswerChoice {
  const yes = (which: readonly Approval[], scope: ApprovalScope = ApprovalScope.ONCE): AnswerChoice =>
    which.every(isAllowable) ? { is: 'answer', which, allow: true, scope } : { is: 'nothing' };
  const no = (which: readonly Approval[]): AnswerChoice => ({
    is: 'answer',
    which,
    allow: false,
    scope: ApprovalScope.UNSPECIFIED,
  });
  switch (key) {
    case 'y':
      return yes([first]);
    case 'n':
    case 'enter':
      return no([first]);
    case 'a':
      return yes(waiting);
    case 'd':
      return no(waiting);
    case 'r':
      return mayAllowRun(first) ? yes([first], ApprovalScope.RUN) : { is: 'nothing' };
    case 'w':
      return { is: 'whole' };
    case '?':
      return { is: 'explain' };
    default:
      return { is: 'nothing' };
  }
}

/** The longest answer that is written behind the question. */
const ANSWER = 'yes';

/** `allow 1 of 3, change docs/notes.md? [y/N/a/d/r/w/?] `. */
export function questionLine({ first, waiting, number, all }: AskedStep, columns: number): string {
  const can = isAllowable(first);
  const several = waiting.length > 1;
  const letters = [
    ...(can ? ['y'] : []),
    'N',
    ...(several && waiting.every(isAllowable) ? ['a'] : []),
    ...(several ? ['d'] : []),
    ...(can && mayAllowRun(first) ? ['r'] : []),
    'w',
    '?',
  ];
  const end = `? [${letters.join('/')}] `;
  const what = all > 1 ? `${number} of ${all}, ` : '';
  const verb = isShare(first) && what === '' ? '' : 'allow ';
  return fitted(`${verb}${what}${effectTitle(first.effect)}`, end, columns);
}

/** The question about calls that were shown above: what is allowed stands in its last lines, whatever scrolled away. */
export function allowQuestion(
  all: readonly Approval[],
  covers: string,
  columns: number,
): { readonly titles: readonly string[]; readonly question: string } {
  const titles = all.map(({ effect }, at) => `${at + 1}: ${effectTitle(effect)}`);
  const [one] = all.length > 1 ? [] : all;
  const begin = one && isShare(one) ? '' : 'allow ';
  const end = `${covers}? [y/N] `;
  const what = one ? effectTitle(one.effect) : `all ${all.length}`;
  return {
    titles: one ? [] : titles.map((title) => cutMiddle(title, columns)),
    question: fitted(begin + what, end, columns),
  };
}

/** One line with room for the answer behind it; its middle gives way. */
const fitted = (text: string, end: string, columns: number): string =>
  cutMiddle(text, Math.max(columns - end.length - ANSWER.length - 1, 20)) + end;

const isShare = ({ effect }: Approval): boolean => effect?.effect.case === 'share';

/** Lines that fit, cut between words; all but the first begin where the words of the first do, behind its key. */
function fittedLines(line: string, columns: number): string[] {
  const indent = /^\S {2}/.test(line) ? '   ' : '  ';
  const lines: string[] = [];
  let last = '';
  for (const word of line.split(/(?<=\S) (?=\S)/)) {
    const longer = last === '' ? word : `${last} ${word}`;
    if (last !== '' && widthOf(longer) > columns) {
      lines.push(last);
      last = `${indent}${word}`;
    } else last = longer;
  }
  return [...lines, last];
}

/** What the keys mean now. */
export function keyWords({ first, waiting }: AskedStep): string[] {
  const several = waiting.length > 1;
  const share = isShare(first) ? SHARE_KEYS : undefined;
  const rest = `this and the other ${waiting.length - 1} of this step that were shown`;
  return [
    isAllowable(first)
      ? (share?.yes ?? 'y  yes: this call runs once, if it still does what is shown')
      : 'a yes cannot be given: this version of Bowline cannot show what would happen',
    share?.no ?? 'n  no, as Enter is: nothing is changed, and the model is told that you said no',
    ...(several ? [`a  yes to ${rest}`, `d  no to ${rest}`] : []),
    share?.run ??
      (mayAllowRun(first)
        ? 'r  yes to this and, until this run ends, to every call that the same entry of config.yaml permits'
        : 'a yes for the whole run is not offered: after text that somebody else wrote each call asks'),
    'w  shows all that the box tells of it, on as many lines as it needs',
    '?  shows this',
    'Ctrl-C leaves it open: it waits in `bowline approvals ls`, and the run with it',
  ];
}

/** The same in lines that fit. A command that is named there is written as this program was called before a line may end in it. */
export const keyLines = (step: AskedStep, columns: number, env: Parameters<typeof asCalled>[1]): string[] =>
  keyWords(step).flatMap((each) => fittedLines(asCalled(each, env), columns));
