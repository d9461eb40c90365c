// Measures how much of what a reader would see of a page was taken for its article. Pure.

import type { ParsedDocument } from './document.ts';
import { lettersIn } from './letters.ts';
import type { TreeElement } from './tree-node.ts';

/** Around the text of a page, not of it. */
const AROUND = new Set(['NAV', 'ASIDE', 'FOOTER', 'FORM', 'BUTTON', 'SCRIPT', 'STYLE', 'A']);
const AROUND_ROLES = new Set(['navigation', 'complementary', 'contentinfo', 'banner', 'search', 'dialog', 'menu']);

/** Names that pages give to what stands around their text. */
const AROUND_NAMES =
  /banner|breadcrumb|cookie|disqus|footer|gdpr|menu|newsletter|paginat|popup|promo|recommend|related|share|sharing|sidebar|social|sponsor|widget/i;
/** Names that lie of one page; after that its names are not believed. */
const MOST_LIES = 8;
/** What readers wrote is not the article, however much it is, but it is text that is shown. */
const READERS = /comments?(?![a-z])|commentlist|respond(?![a-z])|replies/i;
/** Names that speak for the text. */
const TEXT_NAMES = /article|body|column|content|main/i;

/** An article with so many letters is one, however much stands around it. */
const ARTICLE = 1500;
/** With fewer, it must be this part of the text of the page. */
const PART = 0.25;
/** Of a page; less is told. */
const COMPLETE = 0.5;

export const lettersOf = ({ textContent }: TreeElement): number => lettersIn(textContent);

/** Letters that are shown outside of links, menus and the like. */
export interface Prose {
  readonly ofPage: number;
  /** Of what its readers wrote below it. */
  readonly ofReaders: number;
}

export function proseLetters(root: TreeElement): Prose {
  const all = lettersOf(root);
  let ofPage = all;
  let ofReaders = 0;
  let lies = 0;
  const waiting = root.children;
  for (let element = waiting.pop(); element; element = waiting.pop()) {
    const kind = isAround(element) ? 'around' : lies < MOST_LIES ? kindByName(element) : 'text';
    const letters = kind === 'text' ? 0 : lettersOf(element);
    // A name may lie: what holds most of a page is its text, whatever it is called.
    const lie = kind === 'named' && letters > all / 2;
    if (lie) lies++;
    if (kind === 'text' || lie) waiting.push(...element.children);
    else ofPage -= letters;
    if (kind === 'readers') ofReaders += letters;
  }
  return { ofPage, ofReaders };
}

function isAround(element: TreeElement): boolean {
  if (AROUND.has(element.nodeName) || AROUND_ROLES.has(element.getAttribute('role') ?? '')) return true;
  if (element.getAttribute('hidden') !== null || element.getAttribute('aria-hidden') === 'true') return true;
  return /display\s*:\s*none|visibility\s*:\s*hidden/i.test(element.getAttribute('style') ?? '');
}

function kindByName(element: TreeElement): 'readers' | 'named' | 'text' {
  const names = `${element.getAttribute('class') ?? ''} ${element.getAttribute('id') ?? ''}`;
  if (names.length === 1 || TEXT_NAMES.test(names)) return 'text';
  return READERS.test(names) ? 'readers' : AROUND_NAMES.test(names) ? 'named' : 'text';
}

/** Whether this many letters may be the article of a page with so many, and not a small thing beside it. */
export const isEnough = (article: number, { ofPage }: Prose): boolean => article >= ARTICLE || article >= PART * ofPage;

/** @param article letters of it; undefined: all of the page was read */
export function completenessOf(
  article: number | undefined,
  { ofPage, ofReaders }: Prose,
): Pick<ParsedDocument, 'completeness' | 'warning'> {
  const prose = ofPage + ofReaders;
  const completeness = article === undefined || prose <= 0 ? 1 : Math.min(1, article / prose);
  if (completeness >= COMPLETE) return { completeness, warning: '' };
  const percent = Math.round(100 * completeness);
  return {
    completeness,
    warning: `what was taken for the article is ${percent} % of the text of this page; the whole page has more`,
  };
}
