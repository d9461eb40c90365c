// Cuts a text file into what can be quoted: sentences, list items, headings, lines of code; each knows its lines.
import { trimEndSigns } from '../../../../base/trim-signs.ts';
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
  let block: { text: string; line: number }[] = [];
  let fenced = false;
  const flush = () => {
    units.push(...sentencesOf(block, under()));
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
      const before = block.at(-1);
      if (ITEM.test(raw) || LABEL.test(raw) || (before && !wraps(before.text, raw.trim()))) flush();
      block.push({ text: raw.trim().replace(/^[-*+•]\s+/, ''), line });
    }
  }
  flush();
  return units;
}

/**
 * Whether the next line may go on with the sentence of this one. Chinese has no spaces to tell it by: there a wrapped line is
 * about as long as what follows, and a short one stands for itself.
 */
function wraps(line: string, next: string): boolean {
  return !hasChinese(line) || /[，、；：,;]$/.test(line) || line.length * 1.25 >= next.length;
}

/** Ends of sentences: `.` only before a space or the end, so that 1.5 and notes.md stay whole. */
const END = /[。！？；]{1,16}[”’」』）]{0,16}|[.!?]{1,16}["”’)\]]{0,16}(?=\s|$)/g;
const NO_END = /(?:^|[\s(])(?:e\.g|i\.e|etc|cf|vs|dr|mr|mrs|ms|st|approx|fig|al|[A-Za-z])\.$/i;

function sentencesOf(block: readonly { text: string; line: number }[], headings: readonly string[]): Unit[] {
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
    if (/[\p{L}\p{N}]/u.test(text)) {
      units.push({ text, startLine: lineAt(start), endLine: lineAt(start + text.length - 1), kind: 'text', headings });
    }
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
