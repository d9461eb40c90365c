// Measures how much of what a reader would see of a page was taken for its article. Pure.

import type { ParsedDocument } from './document.ts';
import type { TreeElement } from './html-tree.ts';

/** Around the text of a page, not of it. */
const AROUND = new Set(['NAV', 'ASIDE', 'FOOTER', 'FORM', 'BUTTON', 'SCRIPT', 'STYLE', 'A']);
const AROUND_ROLES = new Set(['navigation', 'complementary', 'contentinfo', 'banner', 'search', 'dialog', 'menu']);

/** An article with so many letters is one, however much stands around it. */
const ARTICLE = 1500;
/** With fewer, it must be this part of the text of the page. */
const PART = 0.25;
/** Of a page; less is told. */
const COMPLETE = 0.5;

export const lettersOf = ({ textContent }: TreeElement): number => (textContent ?? '').replace(/\s+/g, '').length;

/** Letters that are shown outside of links, menus and the like. */
export function proseLetters(root: TreeElement): number {
  let letters = lettersOf(root);
  const waiting = [...Array.from(root.children)];
  for (let element = waiting.pop(); element; element = waiting.pop()) {
    if (isAround(element)) letters -= lettersOf(element);
    else waiting.push(...Array.from(element.children));
  }
  return letters;
}

function isAround(element: TreeElement): boolean {
  if (AROUND.has(element.nodeName) || AROUND_ROLES.has(element.getAttribute('role') ?? '')) return true;
  if (element.getAttribute('hidden') !== null || element.getAttribute('aria-hidden') === 'true') return true;
  return /display\s*:\s*none/i.test(element.getAttribute('style') ?? '');
}

/** Whether this many letters may be the article of a page with so many, and not a small thing beside it. */
export const isEnough = (article: number, prose: number): boolean => article >= ARTICLE || article >= PART * prose;

export function completenessOf(article: number, prose: number): Pick<ParsedDocument, 'completeness' | 'warning'> {
  const completeness = prose <= 0 ? 1 : Math.min(1, article / prose);
  if (completeness >= COMPLETE) return { completeness, warning: '' };
  const percent = Math.round(100 * completeness);
  return {
    completeness,
    warning: `what was taken for the article is ${percent} % of the text of this page; the whole page has more`,
  };
}
