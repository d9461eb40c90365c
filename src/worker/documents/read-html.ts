// Reads HTML: the article or everything, as Markdown, with its links and what it says of itself.
import { Readability } from '@mozilla/readability';
import { cleanHtml } from './clean-html.ts';
import { type DocumentLink, MAX_LINKS, MAX_URL, type ParsedDocument } from './document.ts';
import { parseTree, type Tree, type TreeElement } from './html-tree.ts';
import { cutText, EMPTY, words } from './parsed.ts';
import { completenessOf, isEnough, lettersOf, proseLetters } from './prose.ts';
import { toMarkdown } from './to-markdown.ts';
import { toldArticle } from './told-article.ts';

/** More is no article; Readability looks at each of them several times. */
const MAX_READABLE_ELEMENTS = 30_000;

/** Characters of an article; less may be a summary. */
const LONG = 300;

export interface HtmlOptions {
  readonly url: string | undefined;
  readonly readable: boolean;
  readonly maxChars: number;
}

export function readHtml(source: string, { url, readable, maxChars }: HtmlOptions): ParsedDocument {
  const clean = cleanHtml(source);
  const document = parseTree(clean.html);
  const base = resolve(document.querySelector('base[href]')?.getAttribute('href') ?? '', url) ?? url;
  const href = (link: string) => resolve(link, base);
  const links = linksOf(document, href, url);
  const canonical = href(document.querySelector('link[rel="canonical"]')?.getAttribute('href') ?? '') ?? '';
  const said = (...names: string[]) => metaOf(document, names);
  const ownTitle = document.title;
  const prose = proseLetters(document.body);
  const data = document.querySelectorAll('script[type="application/ld+json"]');
  const told = toldArticle(Array.from(data, ({ textContent }) => textContent ?? ''));
  // The article, as Readability changes the tree; where it finds none, or a small part of what there is, all of the page.
  const changes = readable && clean.elements <= MAX_READABLE_ELEMENTS;
  const found = changes ? articleOf(document) : undefined;
  const article = found?.content && isEnough(lettersOf(found.content), prose) ? found : undefined;
  const text = article?.content ? toMarkdown(article.content, href).trim() : '';
  const whole = text || toMarkdown((changes ? parseTree(clean.html) : document).body, href).trim();
  const shown = isHidden(told, whole)
    ? [whole, toldText(told, href)].filter((part) => part !== '').join('\n\n')
    : whole;
  const limit = shown.length > maxChars ? 'characters' : clean.truncated ? 'size' : '';
  return {
    ...EMPTY,
    title: words(article?.title || said('og:title', 'twitter:title') || ownTitle),
    text: cutText(shown, maxChars),
    links,
    canonical,
    language: words(article?.lang || document.documentElement.getAttribute('lang') || said('og:locale'), 64),
    byline: words(article?.byline || said('author', 'article:author', 'dc.creator')),
    siteName: words(article?.siteName || said('og:site_name', 'application-name')),
    description: words(said('description', 'og:description', 'twitter:description') || article?.excerpt),
    published: words(article?.publishedTime || said('article:published_time', 'datepublished', 'date', 'dc.date'), 64),
    limit,
    truncated: limit !== '',
    ...completenessOf(article?.content ? lettersOf(article.content) : undefined, prose),
  };
}

/** Whether most of the article that a page tells programs is not shown on it without scripts. */
const isHidden = (told: string, shown: string): boolean => told.length >= LONG && told.length > 2 * shown.length;

/** As Markdown where it is HTML. */
const toldText = (told: string, href: (link: string) => string | undefined): string =>
  /<(?:p|br|div)\b/i.test(told) ? toMarkdown(parseTree(cleanHtml(told).html).body, href).trim() : told;

function articleOf(document: Tree) {
  try {
    // The serializer gives the tree itself, so that it need not be written and read once more.
    const serializer = (node: unknown) => node as TreeElement;
    return new Readability<TreeElement>(document as never, { serializer }).parse() ?? undefined;
  } catch (error) {
    // Of a tree that it cannot cope with there is still the whole text.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** An absolute URL of the web; undefined for anything else. */
function resolve(link: string, base: string | undefined): string | undefined {
  const url = link.trim() === '' ? null : URL.parse(link.trim(), base);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.username || url.password) return undefined;
  return url.href.length <= MAX_URL ? url.href : undefined;
}

function linksOf(document: Tree, href: (link: string) => string | undefined, own: string | undefined): DocumentLink[] {
  const links = new Map<string, DocumentLink>();
  const self = own?.split('#')[0];
  for (const anchor of document.querySelectorAll('a[href]')) {
    if (links.size >= MAX_LINKS) break;
    const url = href(anchor.getAttribute('href') ?? '')?.split('#')[0];
    if (url === undefined || url === self || links.has(url)) continue;
    links.set(url, { url, text: words(anchor.textContent, 200) });
  }
  return [...links.values()];
}

/** The first that the page says, by name, property or itemprop. */
function metaOf(document: Tree, names: readonly string[]): string {
  const said = new Map<string, string>();
  for (const meta of document.querySelectorAll('meta[content]')) {
    const name = meta.getAttribute('property') ?? meta.getAttribute('name') ?? meta.getAttribute('itemprop') ?? '';
    if (!said.has(name.toLowerCase())) said.set(name.toLowerCase(), meta.getAttribute('content') ?? '');
  }
  for (const name of names) if (said.get(name)) return said.get(name)!;
  return '';
}
