// Scores quotable units against a question: BM25 (Robertson and Zaragoza, 2009) with small bonuses. Pure.
import type { Located } from './cut-files.ts';
import { tokens } from './words.ts';

export interface Ranked {
  readonly unit: Located;
  readonly score: number;
  /** Share of the question's weight that the unit holds itself, from 0 to 1. */
  readonly coverage: number;
}

const K1 = 1.2;
const B = 0.5;

/** How much a heading above a unit counts against a word in it. */
const HEADING_SHARE = 0.45;

/** Shorter units are no better for being short. */
const SHORT = 8;

/** "What is X?" */
const WANTS_MEANING =
  /^(?:so\s+)?(?:what|who)(?:'s| is| are| was| were)\s|\b(?:define|meaning of|mean by)\b|是什么|什么是|指什么|是谁|谁是/i;
/** What follows a word that is being defined. */
const MEANS =
  /^(?:\s*[(（][^)）]{0,80}[)）])?(?:\s[^.。!?,;:]{0,40}?\b(?:is|are|was|means|stands for|refers to)\b|\s*(?:是|指|为|：|: ))/i;

/** A question that wants a number or a time prefers units that have one. */
const WANTS_NUMBER =
  /\b(?:how (?:many|much|long|old|often|far|heavy|tall|wide|deep|high|fast)|price|cost|pay|paid|spen[dt]|version|number|port)\b|多少|多久|价格|版本/i;
/** One that wants a time prefers a time to any other number. */
const WANTS_TIME = /\b(?:when|date|dates|deadline|day|time)\b|什么时候|何时|日期|时间|几[号点月天]|截止/i;
/** Months and days of the week, but for "may", which is seldom a month. */
const NAMED =
  'january|february|march|april|june|july|august|september|october|november|december|monday|tuesday|wednesday|thursday|friday|saturday|sunday';
const HAS_NUMBER = new RegExp(`\\d|[一二三四五六七八九十][月日号点年]|\\b(?:${NAMED}|may)\\b`, 'i');
const HAS_TIME = new RegExp(
  `\\d{4}-\\d\\d|\\b\\d{1,2}:\\d\\d\\b|\\d\\s?(?:am|pm|st|nd|rd|th)\\b|[\\d一二三四五六七八九十][月日号点年]|\\d may\\b|\\bmay \\d|\\b(?:${NAMED}|today|tomorrow|noon|midnight|o'clock)\\b|周[一二三四五六日末]|星期`,
  'i',
);

/** A question that wants a place prefers units that tell one. */
const WANTS_PLACE = /\bwhere\b|\b(?:venue|address|location|place)\b|在哪|哪里|哪儿|地点|地址|什么地方/i;
const HAS_PLACE =
  /\b(?:venue|address|location|located|street|road|avenue|square|takes? place|meeting point)\b|(?<!\p{L})(?:in|at|near) (?:the )?\p{Lu}(?!\p{Lu})|地点|地址|位于|场地|会场|[路街]\s?\d|在.{1,12}(?:举行|举办|楼|室|厅|馆|酒店|中心)/u;
/** Months and days of the week are no places. */
const TIME_WORD =
  /\b(?:in|at|near) (?:the )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*/g;

/** A sentence that speaks of what the one before it named. */
const PRONOUN = /^(?:it|its|he|his|she|her|they|their|this|that|these)\b|^(?:它|他|她|其|该|这)/i;

/** Units that hold something of the query, best first. `query` is what its subject words are. */
export function rank(units: readonly Located[], query: string, question: string): Ranked[] {
  const wanted = [...new Set(tokens(query))];
  if (wanted.length === 0) return [];
  const bags = units.map((unit) => unit.words);
  const average = bags.reduce((sum, bag) => sum + bag.length, 0) / Math.max(1, bags.length) || 1;
  const idf = new Map(wanted.map((token) => [token, weightOf(token, units, bags)]));
  const total = [...idf.values()].reduce((sum, weight) => sum + weight, 0) || 1;
  const wantsTime = WANTS_TIME.test(question);
  const wantsNumber = wantsTime || WANTS_NUMBER.test(question);
  /** Words of the sentence before, which "it" or "she" stands for. */
  const meantBefore = (index: number): ReadonlySet<string> => {
    const [unit, before] = [units[index]!, units[index - 1]];
    const follows = before?.path === unit.path && before.kind === 'text' && unit.startLine - before.endLine <= 1;
    return new Set(follows && PRONOUN.test(unit.text) ? bags[index - 1] : []);
  };
  const wantsPlace = WANTS_PLACE.test(question);
  const meaning = WANTS_MEANING.test(question) ? query : undefined;
  const ranked: Ranked[] = [];
  // Units under one heading share its list of headings' texts.
  const known = new Map<string, ReadonlySet<string>>();
  const headingWords = (unit: Located): ReadonlySet<string> => {
    const key = unit.headings.join('\n');
    const words = known.get(key) ?? new Set(unit.headings.flatMap(tokens));
    known.set(key, words);
    return words;
  };
  for (const [index, unit] of units.entries()) {
    const bag = bags[index]!;
    const around = headingWords(unit);
    const before = meantBefore(index);
    let score = 0;
    let held = 0;
    let above = 0;
    for (const token of wanted) {
      const weight = idf.get(token)!;
      const count = bag.reduce((n, other) => (other === token ? n + 1 : n), 0);
      if (count > 0) {
        score +=
          (weight * count * (K1 + 1)) /
          (count + K1 * (1 - B + (B * Math.max(bag.length, SHORT)) / Math.max(average, SHORT)));
        held += weight;
      } else if (around.has(token) || before.has(token)) {
        score += weight * HEADING_SHARE;
        above += weight;
      }
    }
    const tellsNumber = wantsNumber && HAS_NUMBER.test(unit.text);
    if (held === 0 && above < (tellsNumber && before.size > 0 ? Number.MIN_VALUE : total / 2)) continue;
    score *= 1 + 0.35 * adjacent(wanted, bag);
    if (tellsNumber) score *= 1.3;
    if (wantsTime && HAS_TIME.test(unit.text)) score *= 1.6;
    const tellsPlace = wantsPlace && HAS_PLACE.test(unit.text.replace(TIME_WORD, ' '));
    if (tellsPlace) score *= 4;
    if (meaning !== undefined && defines(unit.text, meaning)) score *= 2.5;
    if (unit.kind === 'heading') score *= 0.5;
    if (unit.kind === 'code') score *= 0.75;
    if (held === 0 && !(tellsNumber && before.size > 0)) score *= 0.8;
    ranked.push({ unit, score, coverage: (held + above * (tellsPlace ? 1 : HEADING_SHARE)) / total });
  }
  return ranked.sort((a, b) => b.score - a.score || byPlace(a.unit, b.unit));
}

const byPlace = (a: Located, b: Located): number => {
  if (a.path === b.path) return a.startLine - b.startLine;
  return a.path < b.path ? -1 : 1;
};

/** Characters of Chinese that stand in nearly every sentence. */
const COMMON = /[的了是在有和与这那哪个一不我你他她它吗呢么什多少几]/u;
const FEWEST_ALIKE = 3;

/** Units that have some characters of a Chinese query where none has a pair of them: 房租每个月 and 租金每月. Best first. */
export function alike(units: readonly Located[], query: string): Ranked[] {
  const wanted = new Set([...query].filter((sign) => /\p{Script=Han}/u.test(sign) && !COMMON.test(sign)));
  const ranked = units.map((unit) => {
    const held = new Set([...unit.text].filter((sign) => wanted.has(sign))).size;
    return { unit, score: held, coverage: held / Math.max(1, wanted.size) / 2 };
  });
  return ranked
    .filter(({ score, coverage }) => score >= FEWEST_ALIKE && coverage >= 0.2)
    .sort((a, b) => b.score - a.score);
}

function weightOf(token: string, units: readonly Located[], bags: readonly (readonly string[])[]): number {
  const holding = bags.filter((bag) => bag.includes(token)).length;
  return Math.log(1 + (units.length - holding + 0.5) / (holding + 0.5));
}

/** Whether a unit begins by saying what the query is. */
function defines(text: string, query: string): boolean {
  const bare = text
    .replace(/^(?:\d+[.)]\s|[\s*_#>"“`-])+/, '')
    .replace(/^(?:the|a|an)\s+/i, '')
    .replace(/[*_`]/g, '');
  return bare.toLowerCase().startsWith(query.toLowerCase()) && MEANS.test(bare.slice(query.length));
}

/** Share of the query's neighbours that are neighbours in the unit, too. */
function adjacent(wanted: readonly string[], bag: readonly string[]): number {
  if (wanted.length < 2) return 0;
  let together = 0;
  for (let i = 0; i + 1 < wanted.length; i++) {
    if (bag.some((token, at) => token === wanted[i] && bag[at + 1] === wanted[i + 1])) together++;
  }
  return together / (wanted.length - 1);
}

/** The units that say most of a text as a whole: those with its frequent words, early ones first among equals. */
export function central(units: readonly Located[], most: number): Located[] {
  const frequency = new Map<string, number>();
  const bags = units.map((unit) => [...new Set(unit.words)].filter((token) => token.length > 1));
  for (const bag of bags) for (const token of bag) frequency.set(token, (frequency.get(token) ?? 0) + 1);
  const scored = units.flatMap((unit, index) => {
    const bag = bags[index]!;
    if (unit.kind !== 'text' || bag.length < 3) return [];
    const sum = bag.reduce((total, token) => total + Math.log(frequency.get(token)!), 0);
    const early = 1 + 1 / (1 + index / 4);
    return [{ unit, index, score: (sum / (bag.length + 8)) * early + (index === 0 ? 1 : 0) }];
  });
  const best = scored.sort((a, b) => b.score - a.score || a.index - b.index).slice(0, most);
  return best.sort((a, b) => a.index - b.index).map(({ unit }) => unit);
}
