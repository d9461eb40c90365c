// Makes the extract of a text that may leave as its summary. Pure, and the same for every question. No sentence and no
// line ever leaves whole: of each piece at most the first half, and pieces are cut fine: at
// every mark of a pause.
import { mask } from './mask.ts';

export interface ExtractLimits {
  /** Most characters, the marks of cuts included. */
  readonly chars: number;
}

/** Characters that end a piece, in Western and Chinese writing. */
const ENDS = /[.,!?;:|\t\u3002\uff0c\uff01\uff1f\uff1b\uff1a\u2026\u3001]+/u;
const SEPARATOR = ' … ';
/** What is looked at, in characters: more than the largest summary needs. */
const LOOKED_AT = 64 << 10;
/** A piece shorter than this says nothing once it is halved. */
const SHORTEST = 6;

/**
 * The first halves of headings and of the first sentence under each, in order, up to the limit: what a text is about, not
 * what it says. Tables, code, lists of values and quotations are left out, because their pieces are data.
 */
export function extract(text: string, limits: ExtractLimits): string {
  const parts: string[] = [];
  let left = limits.chars;
  for (const piece of pieces(mask(beginning(text)))) {
    const half = firstHalf(piece, left - (parts.length > 0 ? SEPARATOR.length : 0) - 1);
    if (half === undefined) continue;
    const cost = [...half].length + 1 + (parts.length > 0 ? SEPARATOR.length : 0);
    if (cost > left) break;
    parts.push(half);
    left -= cost;
    if (left < SHORTEST) break;
  }
  return parts.length === 0 ? '' : `${parts.join(SEPARATOR)}…`;
}

/** Whole lines only, so that no secret is cut in two before it is masked. */
function beginning(text: string): string {
  if (text.length <= LOOKED_AT) return text;
  const end = text.lastIndexOf('\n', LOOKED_AT);
  return end > 0 ? text.slice(0, end) : text.slice(0, LOOKED_AT).replace(/\S*$/, '');
}

/** Headings, and the first sentence of all and under each heading, without marks. */
function* pieces(text: string): Generator<string> {
  let inCode = false;
  let opening = true;
  for (const raw of text.split(/\r\n|[\n\r\u2028\u2029\u0085]/)) {
    const line = raw.trim();
    if (/^(```|~~~)/.test(line)) inCode = !inCode;
    if (inCode || line === '' || isData(raw)) continue;
    const heading = /^(#{1,6}|=+)\s/.test(line);
    if (heading || opening) yield firstPiece(line.replace(/^(#{1,6}|=+|\d+[.)])\s+/, ''));
    opening = heading;
  }
}

/** Indented code, table rows, `key: value`, assignments, quotations, markup. */
function isData(line: string): boolean {
  return (
    /^( {4}|\t)/.test(line) ||
    /^\s*([-*+]|\|)/.test(line) ||
    /^\s*>/.test(line) ||
    /^\s*[\p{L}\p{N}_.\- ]{1,40}\s*[=:\uff1a]\s*\S/u.test(line) ||
    /^\s*[<{}[\]]/.test(line) ||
    /\S\t\S/.test(line) ||
    /•/.test(line)
  );
}

const firstPiece = (line: string): string => (line.split(ENDS).find((part) => part.trim() !== '') ?? '').trim();

/** At most half of the characters, at the end of a word where words are spaced; undefined when that leaves nothing. */
function firstHalf(piece: string, room: number): string | undefined {
  const letters = [...piece];
  if (letters.length < SHORTEST) return undefined;
  const most = Math.min(Math.floor(letters.length / 2), room);
  const half = letters.slice(0, Math.max(most, 0)).join('');
  const next = letters[most] ?? '';
  const spaced = /[\p{L}\p{N}]$/u.test(half) && /^[\p{L}\p{N}]/u.test(next) && half.includes(' ');
  const cut = (spaced ? half.slice(0, half.lastIndexOf(' ')) : half).trim();
  return [...cut].length < SHORTEST / 2 ? undefined : cut;
}
