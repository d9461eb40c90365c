// The words of a text as they are indexed and searched: letters of scripts with spaces as words, letters of scripts without as
// overlapping pairs. The same code reads documents and queries, so that both mean the same by a word.

import { normalForm } from '../../../../base/normal-form.ts';
import { askingWords } from './asking-words.ts';

/** Scripts that part no words. Pairs of neighbours are what has long served their search (Nie, Gao, Zhang & Zhou, IRAL 2000). */
const DENSE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー々〆]+/gu;

/** A word with what programs join words by: `run_id`, `node-pty`, `config.yaml`. */
const WORD = /[\p{L}\p{N}\p{M}]+(?:[_.-][\p{L}\p{N}\p{M}]+)*/gu;
const HUMP = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;

/** Letters of a term; a longer one is cut, the same in documents and queries. */
const TERM = 48;

/** A term of a query. */
export interface QueryTerm {
  readonly term: string;
  /** Whether terms that begin so are meant too: one letter of a dense script. */
  readonly prefix: boolean;
}

/** The terms of a document's text, each as often as it occurs. */
export function* documentTerms(text: string): Generator<string> {
  for (const word of wordsOf(text)) {
    if (!word.dense) {
      yield word.text;
      continue;
    }
    const letters = [...word.text];
    for (let at = 1; at < letters.length; at++) yield letters[at - 1]! + letters[at]!;
    // With it every letter of the run begins a term, so that one letter can be searched for.
    yield letters.at(-1)!;
  }
}

/** The different terms of a query that say what it is about, in their order, at most `most`; all of them where none does. */
export function queryTerms(text: string, most: number): QueryTerm[] {
  const found = new Map<string, QueryTerm>();
  const asking = new Map<string, QueryTerm>();
  const add = (term: string, prefix: boolean) => {
    const kept = ASKING.has(term) ? asking : found;
    if (kept.size < most && !kept.has(term)) kept.set(term, { term, prefix });
  };
  for (const word of wordsOf(text)) {
    const letters = word.dense ? [...word.text] : [];
    if (!word.dense) add(word.text, false);
    else if (letters.length === 1) add(word.text, true);
    for (let at = 1; at < letters.length; at++) add(letters[at - 1]! + letters[at]!, false);
  }
  return [...(found.size > 0 ? found : asking).values()];
}

function* wordsOf(text: string): Generator<{ text: string; dense: boolean }> {
  // Full-width letters become plain ones, ligatures their letters.
  for (const [word] of normalForm(text, 'NFKC').matchAll(WORD)) {
    const parts = word.split(/[_.-]/).flatMap((part) => part.split(HUMP));
    if (parts.length > 1 && !DENSE.test(word)) yield { text: folded(word).slice(0, TERM), dense: false };
    DENSE.lastIndex = 0;
    for (const part of parts) yield* runsOf(part);
  }
}

/** A part of a word as runs of one kind of script. */
function* runsOf(part: string): Generator<{ text: string; dense: boolean }> {
  let from = 0;
  for (const { 0: run, index } of part.matchAll(DENSE)) {
    if (index > from) yield { text: stem(folded(part.slice(from, index))).slice(0, TERM), dense: false };
    yield { text: run, dense: true };
    from = index + run.length;
  }
  if (from < part.length) yield { text: stem(folded(part.slice(from))).slice(0, TERM), dense: false };
}

/**
 * In small letters and without the marks that Latin, Greek and Cyrillic letters carry. The dotless i of Turkish becomes i: its capital
 * is that of other languages' i, so that nobody knows which one a word in capitals means.
 */
function folded(word: string): string {
  const small = word.toLowerCase().replaceAll('ı', 'i');
  return /[^\0-\x7f]/.test(small) ? normalForm(normalForm(small, 'NFD').replace(/[\u0300-\u036f]/g, ''), 'NFC') : small;
}

/** The plural's s taken off (the S-stemmer, Harman 1991): it joins `backups` with `backup` and hurts no other language much. */
function stem(word: string): string {
  if (!/^[a-z]{3,}s$/.test(word)) return word;
  if (/(?<![ae])ies$/.test(word)) return `${word.slice(0, -3)}y`;
  if (/(?<![aeo])es$/.test(word) || /[^us]s$/.test(word)) return word.slice(0, -1);
  return word;
}

const ASKING = askingWords(stem);
