// Reads HTML: the article or everything, as Markdown, with its links and what it says of itself.
import { Readability } from '@mozilla/readability';
import { cleanHtml } from './clean-html.ts';
import { type DocumentLink, MAX_LINKS, MAX_URL, type ParsedDocument } from './document.ts';
import type { HtmlTree } from './html-tree.ts';
import { cutText, EMPTY, words } from './parsed.ts';
import { completenessOf, isEnough, lettersOf, proseLetters } from './prose.ts';
import { toMarkdown } from './to-markdown.ts';
import { toldArticle } from './told-article.ts';
import type { TreeElement } from './tree-node.ts';

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
  const document = clean.tree;
  const { head } = document;
  const named = (name: string, test: (element: TreeElement) => boolean) => head.getElementsByTagName(name).find(test);
  const base = resolve(named('base', (one) => one.hasAttribute('href'))?.getAttribute('href') ?? '', url) ?? url;
  const href = resolver(base);
  const links = linksOf(document, href, url);
  const canonical = named('link', (one) => one.getAttribute('rel') === 'canonical')?.getAttribute('href') ?? '';
  const meta = metaOf(head);
  const said = (...names: string[]) => names.map((name) => meta.get(name)).find(Boolean) ?? '';
  const ownTitle = document.title;
  const prose = proseLetters(document.body);
  const told = toldArticle(head.getElementsByTagName('script').map(({ textContent }) => textContent));
  // The article, as Readability changes the tree; where it finds none, or a small part of what there is, all of the page.
  const changes = readable && clean.elements <= MAX_READABLE_ELEMENTS;
  const found = changes ? articleOf(document) : undefined;
  const article = found?.content && isEnough(lettersOf(found.content), prose) ? found : undefined;
  const text = article?.content ? toMarkdown(article.content, href).trim() : '';
  const whole = text || toMarkdown((changes ? cleanHtml(source).tree : document).body, href).trim();
  const shown = isHidden(told, whole)
    ? [whole, toldText(told, href)].filter((part) => part !== '').join('\n\n')
    : whole;
  const limit = shown.length > maxChars ? 'characters' : clean.truncated ? 'size' : '';
  return {
    ...EMPTY,
    title: words(article?.title || said('og:title', 'twitter:title') || ownTitle),
    text: cutText(shown, maxChars),
    links,
    canonical: href(canonical) ?? '',
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
  /<(?:p|br|div)\b/i.test(told) ? toMarkdown(cleanHtml(told).tree.body, href).trim() : told;

class ArticleReader extends Readability<TreeElement> {
  constructor(document: HtmlTree) {
    // The serializer gives the tree itself, so that it need not be written and read once more.
    super(document as never, { serializer: (node) => node as unknown as TreeElement });
  }

  /** Readability's own makes links absolute. That is done as they are written; here it would fail at each of them, at a price. */
  _fixRelativeUris(): void {}
}

function articleOf(document: HtmlTree) {
  try {
    return new ArticleReader(document).parse() ?? undefined;
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

/** As `resolve`, once for each link: a page has most of them several times, and each is needed for the list and for the text. */
function resolver(base: string | undefined): (link: string) => string | undefined {
  const known = new Map<string, string | undefined>();
  return (link) => {
    if (!known.has(link)) known.set(link, resolve(link, base));
    return known.get(link);
  };
}

function linksOf(
  document: HtmlTree,
  href: (link: string) => string | undefined,
  own: string | undefined,
): DocumentLink[] {
  const links = new Map<string, DocumentLink>();
  const self = own?.split('#')[0];
  for (const anchor of document.body.getElementsByTagName('a')) {
    if (links.size >= MAX_LINKS) break;
    const url = href(anchor.getAttribute('href') ?? '')?.split('#')[0];
    if (url === undefined || url === self || links.has(url)) continue;
    links.set(url, { url, text: words(anchor.textContent, 200) });
  }
  return [...links.values()];
}

/** What the page says of itself, by name, property or itemprop; of each name the first. */
function metaOf(head: TreeElement): ReadonlyMap<string, string> {
  const said = new Map<string, string>();
  for (const meta of head.getElementsByTagName('meta')) {
    const content = meta.getAttribute('content');
    if (content === null) continue;
    const name = meta.getAttribute('property') ?? meta.getAttribute('name') ?? meta.getAttribute('itemprop') ?? '';
    if (!said.has(name.toLowerCase())) said.set(name.toLowerCase(), content);
  }
  return said;
}
