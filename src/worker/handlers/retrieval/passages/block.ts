// A stretch of a document that its structure holds together, as the readers of structure give it and the packer takes it.

export interface Block {
  /** Offsets into the text, in UTF-16 units; the end is not included. */
  readonly start: number;
  readonly end: number;
  /** Headings above it, from the outermost in; a heading counts itself. */
  readonly headings: readonly string[];
  /** Whether it is a heading, which never ends a passage. */
  readonly heading?: boolean;
  /** What it is made of, in order: where it may be cut when it is too large. Without it, it is cut as text. */
  readonly parts?: readonly Block[];
  /** How it is cut as text: `prose` at sentences, `lines` at the ends of lines. Default `prose`. */
  readonly cut?: 'prose' | 'lines';
  /** What belongs to every piece of it when it is cut, e.g. the head of a table: shown to the model of vectors only. */
  readonly context?: string;
}

/** A stretch that became a passage. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly headings: readonly string[];
  readonly context?: string;
}

/**
 * The same blocks, so that together they hold all between `start` and `end`: what stands between two of them (the mark of a
 * list item, a line that nothing claims) goes to the one behind it, what stands at the end to the last.
 */
export function filled(blocks: readonly Block[], start: number, end: number): Block[] {
  const kept = blocks.filter((block) => block.end > block.start);
  return kept.map((block, at) => ({
    ...block,
    start: at === 0 ? start : kept[at - 1]!.end,
    end: at === kept.length - 1 ? end : block.end,
  }));
}
