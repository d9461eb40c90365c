// Finds words in text that comes in pieces. Pure; linear in the text, and what is kept is bounded.
import { foldText } from '../../../base/fold-text.ts';
import { LineSplitter, TextReader } from '../../files/lines.ts';

/** Which of some words a text holds. */
export class WordFinder {
  readonly #missing: Map<string, string>;
  readonly #overlap: number;
  readonly #reader = new TextReader();
  readonly found = new Set<string>();
  #tail = '';

  constructor(words: readonly string[]) {
    this.#missing = new Map(words.map((word) => [word, foldText(word)]));
    this.#overlap = overlapFor([...this.#missing.values()]);
  }

  add(piece: Uint8Array): void {
    const text = this.#tail + this.#reader.add(piece);
    if (this.#missing.size > 0) {
      const folded = foldText(text);
      for (const [word, wanted] of this.#missing) {
        if (!folded.includes(wanted)) continue;
        this.found.add(word);
        this.#missing.delete(word);
      }
    }
    this.#tail = tailOf(text, this.#overlap);
  }

  end(): void {
    this.#reader.end();
  }
}

export interface LineHit {
  readonly line: number;
  readonly text: string;
  /** Different terms in the line. */
  readonly score: number;
}

/** Characters of a line that are told. */
const MAX_TEXT = 400;

/** Tells each line that holds at least one of the terms. */
export class LineFinder {
  readonly #terms: readonly string[];
  readonly #overlap: number;
  readonly #wanted: (line: number) => boolean;
  readonly #on: (hit: LineHit) => void;
  readonly #reader = new TextReader();
  readonly #splitter = new LineSplitter((part, ends) => this.#part(part, ends));
  readonly #found = new Set<string>();
  #line = 1;
  #tail = '';
  #text = '';

  constructor(terms: readonly string[], wanted: (line: number) => boolean, on: (hit: LineHit) => void) {
    this.#terms = [...new Set(terms.map(foldText))];
    this.#overlap = overlapFor(this.#terms);
    this.#wanted = wanted;
    this.#on = on;
  }

  add(piece: Uint8Array): void {
    this.#splitter.add(this.#reader.add(piece));
  }

  end(): void {
    this.#reader.end();
    this.#splitter.end();
    this.#close();
  }

  #part(part: string, ends: boolean): void {
    if (this.#wanted(this.#line)) this.#look(this.#tail + part);
    if (ends) {
      this.#close();
      this.#line++;
    } else this.#tail = tailOf(this.#tail + part, this.#overlap);
  }

  #look(text: string): void {
    const folded = foldText(text);
    let first = Number.POSITIVE_INFINITY;
    for (const term of this.#terms) {
      if (this.#found.has(term)) continue;
      const at = folded.indexOf(term);
      if (at < 0) continue;
      this.#found.add(term);
      first = Math.min(first, at);
    }
    if (this.#text === '' && this.#found.size > 0) this.#text = around(withoutEnd(text), first);
  }

  #close(): void {
    if (this.#found.size > 0) this.#on({ line: this.#line, text: this.#text, score: this.#found.size });
    this.#found.clear();
    this.#text = '';
    this.#tail = '';
  }
}

/** Characters before their folding in which the longest term may stand: composed letters may have been several. */
const overlapFor = (terms: readonly string[]): number => 4 * Math.max(0, ...terms.map((term) => term.length)) + 64;

/** The end of a text, cut between characters. */
function tailOf(text: string, length: number): string {
  const tail = text.slice(-length);
  return isLow(tail.charCodeAt(0)) ? tail.slice(1) : tail;
}

/** At most 400 characters of a line, with the hit in them, cut between characters. */
function around(line: string, at: number): string {
  if (line.length <= MAX_TEXT) return line;
  let from = Math.max(0, Math.min(at - MAX_TEXT / 4, line.length - MAX_TEXT));
  let to = from + MAX_TEXT;
  if (isLow(line.charCodeAt(from))) from++;
  if (isLow(line.charCodeAt(to))) to--;
  return line.slice(from, to);
}

const isLow = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;

function withoutEnd(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === '\n' || text[end - 1] === '\r')) end--;
  return text.slice(0, end);
}
