// Cuts a text file into what can be quoted: sentences, list items, headings, lines of code; each knows its lines.
import { trimEndSigns } from '../base/trim-signs.ts';
import { hasChinese } from './language.ts';

export interface Unit {
  /** As in the file; a sentence over several lines is joined. */
  readonly text: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly kind: 'text' | 'heading' | 'code';
  /** The headings it stands under, outermost first. */
  readonly headings: readonly string[];
}

const HEADING = /^\s{0,3}(#{1,6})\s(?=.*\S)(.*)$/;
const ITEM = /^\s*(?:[-*+•]|\d{1,3}[.)、]|[一二三四五六七八九十]+、)\s+/;
/** `Owner: Anna`, `负责人：小王`: a line of its own; not the scheme of a URL. */
const LABEL = /^\s*[\p{L}\p{N}][^\s:：，。,.]{0,15}(?:：|:(?=\s))\s*\S/u;
const TABLE = /^\s*\|/;
/** Code by indentation: four spaces where no paragraph is open. */
const INDENTED = /^(?: {4}|\t)(?!\s*(?:[-*+•]|\d{1,3}[.)])\s)/;
const FENCE = /^\s*(?:```|~~~)/;

/** Quotable units of a text whose first line has the number `firstLine`. `prose` is false for source code and data. */
export function unitsOf(text: string, firstLine: number, prose: boolean): Unit[] {
  const units: Unit[] = [];
  const headings: { level: number; text: string }[] = [];
  const under = () => headings.map((heading) => heading.text);
  let block: Line[] = [];
  let indent = 0;
  let fenced = false;
  const flush = () => {
    for (const paragraph of paragraphsOf(block)) units.push(...sentencesOf(paragraph, under()));
    block = [];
  };
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = firstLine + index;
    const single = (kind: Unit['kind'], value: string) =>
      units.push({ text: value, startLine: line, endLine: line, kind, headings: under() });
    if (FENCE.test(raw) && prose) {
      flush();
      fenced = !fenced;
    } else if (raw.trim() === '') flush();
    else if (fenced || !prose || (block.length === 0 && INDENTED.test(raw))) single('code', raw.trim());
    else if (HEADING.test(raw)) {
      flush();
      const [, marks, rest = ''] = HEADING.exec(raw)!;
      const title = trimEndSigns(rest.trim(), '#').trimEnd();
      while (headings.length > 0 && headings.at(-1)!.level >= marks!.length) headings.pop();
      single('heading', title);
      headings.push({ level: marks!.length, text: title });
    } else if (TABLE.test(raw)) {
      flush();
      if (/[^\s|:-]/.test(raw)) single('text', raw.trim());
    } else {
      if (ITEM.test(raw) || LABEL.test(raw)) flush();
      const from = raw.search(/\S/);
      if (block.length === 0) indent = from;
      block.push({ text: raw.trim().replace(/^[-*+•]\s+/, ''), line, inset: from > indent });
    }
  }
  flush();
  return units;
}

/** Characters of a sentence; what is longer and stands on several lines is no sentence, and its lines stand for themselves. */
const MOST_SENTENCE = 500;
/** Lines of a text without a full stop are wrapped only if they are so long. */
const WRAP_WIDTH = 40;
const SENTENCE_MARK = /[。！？；؟]|[.!?](?=\s|$)/;
/** A line that ends so goes on in the next. */
const GOES_ON =
  /[,，、(（-]$|[\s(](?:a|an|and|are|as|at|be|because|but|by|for|from|if|in|into|is|of|on|or|so|than|that|the|to|unless|until|was|were|when|which|with)$/i;

interface Line {
  readonly text: string;
  readonly line: number;
  /** Whether it stands further in than the first line of its block. */
  readonly inset: boolean;
}

/**
 * Where a block has lines that go on with the one before: a line that has no room for the first word of the next one was
 * wrapped there, if the next begins as the middle of a sentence does. Any other line (of a list, a log, a poem) stands alone.
 */
function paragraphsOf(block: readonly Line[]): Line[][] {
  const width = Math.max(...block.map(({ text }) => text.length), 0);
  const marked = block.some(({ text }) => SENTENCE_MARK.test(text));
  const lower = block.slice(1).filter(({ text }) => STARTS_LOWER.test(text)).length;
  const mostlyLower = lower * 2 >= block.length - 1;
  // A text whose very first line begins so is a list in small letters.
  const allLower = STARTS_LOWER.test(block[0]?.text ?? '');
  const goesOn = (line: string, next: Line): boolean => {
    if (next.inset || GOES_ON.test(line)) return true;
    if (allLower || (!marked && width < WRAP_WIDTH)) return false;
    // Scripts without capital letters tell it by the width alone, and only where there are sentences.
    const uncased = UNCASED_END.test(line) || UNCASED_START.test(next.text);
    if (uncased) return marked && line.length >= width * 0.8;
    const filled = line.length + 1 + next.text.search(/\s|$/);
    return STARTS_LOWER.test(next.text) ? filled >= width * 0.8 : marked && mostlyLower && filled > width;
  };
  const paragraphs: Line[][] = [];
  for (const line of block) {
    const before = paragraphs.at(-1);
    if (before && goesOn(before.at(-1)!.text, line)) before.push(line);
    else paragraphs.push([line]);
  }
  return paragraphs;
}

const STARTS_LOWER = /^["“‘'(]?\p{Ll}/u;
const UNCASED_END = /\p{Lo}[”’」』）]?$/u;
const UNCASED_START = /^[“‘「『（]?\p{Lo}/u;

/** Ends of sentences: `.` only before a space or the end, so that 1.5 and notes.md stay whole. */
const END = /[。！？；]{1,16}[”’」』）]{0,16}|[.!?]{1,16}["”’)\]]{0,16}(?=\s|$)/g;
const NO_END = /(?:^|[\s(])(?:e\.g|i\.e|etc|cf|vs|dr|mr|mrs|ms|st|approx|fig|al|[A-Za-z])\.$/i;

function sentencesOf(block: readonly Line[], headings: readonly string[]): Unit[] {
  let joined = '';
  const starts: { offset: number; line: number }[] = [];
  for (const { text, line } of block) {
    if (joined !== '' && !(hasChinese(joined.at(-1)!) || /[，。、；：！？]$/.test(joined))) joined += ' ';
    starts.push({ offset: joined.length, line });
    joined += text;
  }
  const lineAt = (offset: number) => starts.findLast((start) => start.offset <= offset)?.line ?? block[0]!.line;
  const units: Unit[] = [];
  const add = (from: number, to: number) => {
    const slice = joined.slice(from, to);
    const start = from + (slice.length - slice.trimStart().length);
    const text = slice.trim();
    if (!/[\p{L}\p{N}]/u.test(text)) return;
    const [startLine, endLine] = [lineAt(start), lineAt(start + text.length - 1)];
    if (text.length <= MOST_SENTENCE || startLine === endLine)
      units.push({ text, startLine, endLine, kind: 'text', headings });
    else
      for (const each of block.filter(({ line }) => line >= startLine && line <= endLine))
        units.push(...sentencesOf([each], headings));
  };
  let from = 0;
  for (const match of joined.matchAll(END)) {
    const to = match.index + match[0].length;
    if (NO_END.test(joined.slice(from, to)) && to < joined.length) continue;
    add(from, to);
    from = to;
  }
  add(from, joined.length);
  return units;
}
