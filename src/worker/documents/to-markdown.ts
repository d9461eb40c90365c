// Writes a tree of HTML as Markdown: links absolute and only to the web, images as their words, plain tables as tables.

import TurndownService from 'turndown';
import { oneLine } from '../../base/trim-signs.ts';
import type { TreeElement, TreeParent } from './tree-node.ts';

/**
 * Spaces of the tree are changed on the way.
 * @param href the absolute URL of a link; undefined for what is no link of the web
 */
export function toMarkdown(root: TreeElement, href: (link: string) => string | undefined): string {
  const turndown = new TurndownService({
    headingStyle: 'atx',
    codeBlockStyle: 'fenced',
    bulletListMarker: '-',
    emDelimiter: '*',
  });
  turndown.addRule('link', {
    filter: 'a',
    replacement: (content, node) => {
      const text = oneLine(content).trim();
      const url = href(attribute(node, 'href'));
      if (!url || !text) return content;
      return `[${text}](${url.replaceAll('(', '%28').replaceAll(')', '%29')})`;
    },
  });
  turndown.addRule('image', {
    filter: 'img',
    replacement: (_, node) => imageWords(attribute(node, 'alt')),
  });
  const counts: Counts = new WeakMap();
  turndown.addRule('item', { filter: 'li', replacement: (content, node) => item(content, element(node), counts) });
  addTables(turndown);
  escapeOnlySigns(turndown);
  // Our nodes have all that turndown asks of those of a browser, whatever its type says. It works on a copy; this tree needs none.
  const uncopied = { nodeType: root.nodeType, cloneNode: () => root };
  return turndown.turndown(uncopied as unknown as TurndownService.Node);
}

/** Turndown tries thirteen expressions on each text; most texts have none of the signs. */
function escapeOnlySigns(turndown: TurndownService): void {
  const escapeAll = turndown.escape.bind(turndown);
  turndown.escape = (text) => (SIGNS.test(text) ? escapeAll(text) : text);
}

/** Of Markdown: anywhere, or where a text begins. */
const SIGNS = /[\\*`[\]_]|^[-+=#~>\d]/;

const element = (node: unknown): TreeElement => node as TreeElement;

const attribute = (node: unknown, name: string): string => element(node).getAttribute(name) ?? '';

/** A name of a file says nothing of what is in the picture. */
const FILE = /^[^\s/]{1,255}\.(?:avif|bmp|gif|jpe?g|png|svg|tiff?|webp)$/i;

function imageWords(alt: string): string {
  const words = alt.replace(/\s+/g, ' ').trim();
  return FILE.test(words) ? '' : words;
}

/** How many items of a list were written already. */
type Counts = WeakMap<object, number>;

function item(content: string, node: TreeElement, counts: Counts): string {
  const list = node.parentNode as TreeElement | null;
  let mark = '- ';
  if (list?.nodeName === 'OL') {
    const index = counts.get(list) ?? 0;
    counts.set(list, index + 1);
    const start = Number.parseInt(list.getAttribute('start') ?? '1', 10);
    mark = `${(Number.isSafeInteger(start) ? start : 1) + index}. `;
  }
  const text = content.trim().replace(/\n/g, `\n${' '.repeat(mark.length)}`);
  return `${mark}${text}${node.nextElementSibling ? '\n' : ''}`;
}

/** Tables without tables in them, as GitHub's Markdown has them; cells become one line. */
function addTables(turndown: TurndownService): void {
  // Of each table, its first row; undefined for those with a table in them or around them.
  const known = new WeakMap<TreeElement, { readonly first: TreeElement | undefined } | undefined>();
  const tableOf = (node: TreeElement) => {
    const table = closest(node, 'TABLE');
    if (!table) return undefined;
    if (!known.has(table)) {
      const nested = table.getElementsByTagName('table')[0] ?? closest(table.parentNode, 'TABLE');
      known.set(table, nested ? undefined : { first: table.getElementsByTagName('tr')[0] });
    }
    return known.get(table);
  };
  const plain = (node: unknown) => tableOf(element(node)) !== undefined;
  turndown.addRule('cell', {
    filter: (node) => (node.nodeName === 'TD' || node.nodeName === 'TH') && plain(node),
    replacement: (content) => ` ${oneLine(content.trim()).replaceAll('|', '\\|')} |`,
  });
  turndown.addRule('row', {
    filter: (node) => node.nodeName === 'TR' && plain(node),
    replacement: (content, node) => {
      const row = element(node);
      if (tableOf(row)?.first !== row) return `|${content}\n`;
      return `|${content}\n|${' --- |'.repeat(Math.max(1, row.children.length))}\n`;
    },
  });
  turndown.addRule('rows', {
    filter: (node) => ['THEAD', 'TBODY', 'TFOOT'].includes(node.nodeName) && plain(node),
    replacement: (content) => content,
  });
  turndown.addRule('table', {
    filter: (node) => node.nodeName === 'TABLE' && plain(node),
    replacement: (content) => `\n\n${content.replace(/\n{2,}/g, '\n').trim()}\n\n`,
  });
}

function closest(node: TreeParent | null, name: string): TreeElement | undefined {
  for (let at = node; at; at = at.parentNode) if (at.nodeName === name) return at as TreeElement;
  return undefined;
}
