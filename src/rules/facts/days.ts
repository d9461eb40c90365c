// Days, months and years that a question names ("before 2024", "in June 2025", "2024年5月以后"), as `fs.Query` takes them. Which moments they are is
// the device's matter: its time zone is not known here.
import type { Reading } from './reading.ts';

export interface Days {
  /** Both as `2025`, `2025-06` or `2025-06-03`; empty where there is no such border. */
  readonly fromDay: string;
  readonly beforeDay: string;
  /** How the question says it. */
  readonly words: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MONTH =
  '(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\\.?';
const DAY = '\\d{1,2}(?:st|nd|rd|th)?';
const YEAR = '(?:19|20)\\d{2}';
const DATE = `(?:${YEAR}-\\d{1,2}(?:-\\d{1,2})?(?!\\d)|(?:${DAY} (?:of )?)?${MONTH},? (?:${DAY},? )?${YEAR}|${YEAR}\\s?年(?:\\s?\\d{1,2}\\s?月(?:份|\\s?\\d{1,2}\\s?[日号])?)?|(?<![\\p{L}\\d_-])${YEAR}(?![\\p{Script=Latin}\\d_-]))`;

const make = (pattern: string): RegExp => new RegExp(pattern.replaceAll('DATE', `(${DATE})`), 'iu');
const BETWEEN = make(
  '(?:\\b(?:between|from)\\s{1,4}|从|在)?DATE\\s{0,4}(?:\\band\\b|\\bto\\b|\\buntil\\b|\\btill\\b|到|至|和)\\s{0,4}DATE(?:之间|期间)?',
);
const BEFORE = make('\\b(?:before|until|till|prior to|earlier than|older than)\\s{1,4}DATE|DATE\\s?(?:以前|之前|前)');
const AFTER = make('\\b(?:after|later than|newer than)\\s{1,4}DATE');
const SINCE = make(
  '\\b(?:since|starting(?: from)?)\\s{1,4}DATE|\\bfrom\\s{1,4}DATE\\s(?:on|onwards?)\\b|(?:自|从)?DATE\\s?(?:以来|以后|之后|后|起|开始)',
);
const IN = make('\\b(?:in|during|on)\\s{1,4}DATE|在?DATE(?:里|中|间|当年|当月|当天)?');

const ANY: Days = { fromDay: '', beforeDay: '', words: [] };

/** Takes what it understands out of the question. `dated`: whether it speaks of when files changed, so that a lone year is a time. */
export function readDays(text: Reading, dated: boolean): Days {
  const take = (pattern: RegExp) => {
    const match = text.take(pattern);
    const dates = match?.slice(1).flatMap((each) => (each === undefined ? [] : [isoOf(each)])) ?? [];
    return match && { words: [match[0].trim()], first: dates[0]!, last: dates.at(-1)! };
  };
  const between = take(BETWEEN);
  if (between) return { fromDay: between.first, beforeDay: nextOf(between.last), words: between.words };
  const before = take(BEFORE);
  const after = take(AFTER);
  const since = after ?? take(SINCE);
  if (before || since) {
    const fromDay = after ? nextOf(after.first) : (since?.first ?? '');
    return { fromDay, beforeDay: before?.first ?? '', words: [...(before?.words ?? []), ...(since?.words ?? [])] };
  }
  const during = dated ? take(IN) : undefined;
  return during ? { fromDay: during.first, beforeDay: nextOf(during.first), words: during.words } : ANY;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** A date in any of the forms above as `2025-06-03`, `2025-06` or `2025`. */
function isoOf(date: string): string {
  const named = new RegExp(MONTH, 'iu').exec(date);
  const numbers = (date.match(/\d+/g) ?? []).map(Number);
  const year = numbers.find((n) => n >= 1000)!;
  const others = numbers.filter((n) => n < 1000);
  const [month, day] = named ? [MONTHS.indexOf(named[0].slice(0, 3).toLowerCase()) + 1, others[0]] : others;
  return [String(year), ...[month, day].flatMap((n) => (n === undefined ? [] : [two(n)]))].join('-');
}

/** The day, month or year after it. */
function nextOf(date: string): string {
  const [year = 0, month, day] = date.split('-').map(Number);
  if (month === undefined) return String(year + 1);
  if (day === undefined) return month === 12 ? `${year + 1}-01` : `${year}-${two(month + 1)}`;
  return new Date(Date.UTC(year, month - 1, day + 1)).toISOString().slice(0, 10);
}
