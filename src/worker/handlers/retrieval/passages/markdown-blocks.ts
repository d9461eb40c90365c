// The structure of Markdown (CommonMark with GitHub's tables and lists), as mdast reads it: headings, paragraphs, lists, tables,
// code. It only looks at where things stand; the text itself is never changed.
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import { type Block, filled } from './block.ts';
import { markdownSlices } from './markdown-slices.ts';
import { textBlocks } from './text-blocks.ts';

/** Letters of a heading that are kept in a path. */
const HEADING = 200;
/** Depth to which lists and quotations are cut at their parts. */
const DEPTH = 8;

interface Point {
  readonly offset?: number | undefined;
}

/** What is read of mdast's nodes. */
interface Node {
  readonly type: string;
  readonly position?: { readonly start: Point; readonly end: Point } | undefined;
  readonly children?: readonly Node[];
  readonly value?: string;
  readonly alt?: string | null | undefined;
  readonly depth?: number;
}

/**
 * What stands inside of paragraphs says nothing about where they end. Left unread it cannot take time either: brackets and
 * asterisks by the thousand cost micromark the square of their number.
 */
const INLINE = [
  ...['attention', 'autolink', 'characterEscape', 'characterReference', 'codeText', 'hardBreakEscape', 'htmlText'],
  ...['labelEnd', 'labelStartImage', 'labelStartLink', 'strikethrough', 'gfmFootnoteCall'],
  ...['emailAutolink', 'protocolAutolink', 'wwwAutolink'],
];
const BLOCKS = { extensions: [gfm(), { disable: { null: INLINE } }], mdastExtensions: [gfmFromMarkdown()] };
const ALL = { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] };

/** Marks of quotations and lists in one another, deeper than anyone writes: there too time grows with the square. */
const TOO_DEEP = /^(?:[ \t]*(?:[>*+-]|\d{1,9}[.)])[ \t]?){40}/m;

export interface MarkdownDocument {
  readonly blocks: readonly Block[];
  /** The first heading of the first level, or the title of the front matter; else empty. */
  readonly title: string;
}

/** Blocks that hold every letter of the text. */
export function markdownBlocks(text: string): MarkdownDocument {
  const blocks: Block[] = [];
  const path: { depth: number; text: string }[] = [];
  const front = frontMatter(text);
  let title = '';
  if (front) {
    blocks.push({ start: 0, end: front.end, headings: [], cut: 'lines' });
    title = front.title;
  }
  for (const slice of markdownSlices(text, front?.end ?? 0)) {
    const { tree, base } = parsed(text.slice(slice.start, slice.end), slice.start);
    if (!tree) {
      // Structure that the parser cannot follow, e.g. quotations nested by the thousand: its paragraphs are left.
      blocks.push(...textBlocks(text, slice.start, slice.end).map((block) => ({ ...block, headings: pathOf(path) })));
      continue;
    }
    for (const node of tree.children ?? []) {
      if (node.type === 'heading') {
        const depth = node.depth ?? 1;
        const heading = headingText(plain(node));
        while (path.length > 0 && path.at(-1)!.depth >= depth) path.pop();
        if (heading !== '') path.push({ depth, text: heading });
        if (title === '' && depth === 1) title = heading;
        blocks.push({ ...range(node, base), headings: pathOf(path), heading: true });
      } else {
        blocks.push(block(text, node, base, pathOf(path), 0));
      }
    }
  }
  return { blocks: filled(blocks, 0, text.length), title };
}

const pathOf = (path: readonly { text: string }[]): string[] => path.map((heading) => heading.text);

/** micromark skips a byte order mark and counts from behind it. */
function parsed(text: string, start: number): { tree: Node | undefined; base: number } {
  const mark = text.startsWith('\ufeff') ? 1 : 0;
  if (TOO_DEEP.test(text)) return { tree: undefined, base: start };
  try {
    const tree: Node = fromMarkdown(text, BLOCKS);
    return { tree, base: start + mark };
  } catch (error) {
    if (error instanceof RangeError) return { tree: undefined, base: start };
    throw error;
  }
}

function range(node: Node, base: number): { start: number; end: number } {
  return { start: base + node.position!.start.offset!, end: base + node.position!.end.offset! };
}

function block(text: string, node: Node, base: number, headings: readonly string[], depth: number): Block {
  const whole = { ...range(node, base), headings };
  if (node.type === 'code' || node.type === 'html') return { ...whole, cut: 'lines' };
  const { children = [] } = node;
  if (node.type === 'table') {
    const head = children[0] ? range(children[0], base) : whole;
    const parts = children.map((row) => ({ ...range(row, base), headings, cut: 'lines' as const }));
    return { ...whole, parts, context: text.slice(head.start, Math.min(head.end, head.start + 1000)) };
  }
  const cuttable = node.type === 'list' || node.type === 'listItem' || node.type === 'blockquote';
  if (!cuttable || depth === DEPTH) return whole;
  return { ...whole, parts: children.map((child) => block(text, child, base, headings, depth + 1)) };
}

/** As people see it: without the marks of emphasis, code and links. */
function headingText(raw: string): string {
  const text = /[\\`*_[\]<&~]/.test(raw)
    ? plain(fromMarkdown(`# ${raw.slice(0, 4 * HEADING).replace(/\s+/g, ' ')}`, ALL))
    : raw;
  return text.replace(/\s+/g, ' ').trim().slice(0, HEADING).toWellFormed();
}

function plain(node: Node): string {
  return node.value ?? node.alt ?? (node.children ?? []).map(plain).join('');
}

/** YAML between two lines of three hyphens at the very beginning, which Markdown itself would take for a heading. */
function frontMatter(text: string): { end: number; title: string } | undefined {
  const match = /^\ufeff?---[ \t]*\r?\n(?:(?!---)[^\n]*\n){0,200}?---[ \t]*(?:\r?\n|$)/.exec(text);
  if (!match) return undefined;
  const title = withoutQuotes(/^title:([^\r\n]*)/m.exec(match[0])?.[1]?.trim() ?? '');
  return { end: match[0].length, title: title.slice(0, HEADING).toWellFormed() };
}

function withoutQuotes(text: string): string {
  const [mark] = text;
  return text.length >= 2 && (mark === '"' || mark === "'") && text.endsWith(mark) ? text.slice(1, -1) : text;
}
