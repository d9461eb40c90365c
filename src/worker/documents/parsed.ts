// What the readers of each kind of document fill in, and how words of a document are kept short. Pure.
import type { ParsedDocument } from './document.ts';
import { MAX_WORDS } from './document.ts';

/** Said of a document whose formulas are objects of their own. */
export const NO_FORMULAS = 'its formulas could not be read';

export const EMPTY: ParsedDocument = {
  title: '',
  text: '',
  pages: [],
  links: [],
  canonical: '',
  language: '',
  byline: '',
  siteName: '',
  description: '',
  published: '',
  charset: '',
  guessed: '',
  completeness: 1,
  warning: '',
  limit: '',
  truncated: false,
};

/** The text as far as it was asked for; `more`: of what was not read there is more. */
export function textWithin(text: string, maxChars: number, more = false) {
  const truncated = more || text.length > maxChars;
  return { text: cutText(text, maxChars), limit: truncated ? 'characters' : '', truncated } as const;
}

/** One line, at most `MAX_WORDS` characters. */
export const words = (text: unknown, most = MAX_WORDS): string =>
  typeof text === 'string'
    ? cutText(
        text
          .slice(0, 4 * most)
          .replace(/\s+/g, ' ')
          .trim(),
        most,
      )
    : '';

/** The first `most` UTF-16 units, one less where a character would be cut in two. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text.toWellFormed();
  const last = text.charCodeAt(most - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most).toWellFormed();
}
