// Packs blocks into passages: as many as fit, broken first where the structure is weakest. A block that fits is never cut.
import type { Block, Span } from './block.ts';
import { filled } from './block.ts';
import { splitText } from './split-text.ts';
import { tokensIn } from './tokens.ts';

export interface PassageSizes {
  /** Tokens that a passage should not exceed, estimated. */
  readonly target: number;
  /** Tokens that two pieces of one paragraph or listing share. */
  readonly overlap: number;
}

/** A section shorter than this part of the target is joined with the next one. */
const SHORT = 1 / 4;

/** Spans in the order of the text that hold every letter of the blocks. */
export function pack(text: string, blocks: readonly Block[], sizes: PassageSizes): Span[] {
  const spans: Span[] = [];
  let open: Block[] = [];
  let tokens = 0;
  /** Closes the open passage. Headings at its end stay open: they belong to what follows. */
  const close = () => {
    let kept = open.length;
    while (kept > 0 && open[kept - 1]!.heading) kept--;
    const done = open.slice(0, kept);
    open = open.slice(kept);
    if (done.length > 0) spans.push(joined(done));
    tokens = open.reduce((sum, block) => sum + tokensIn(text, block.start, block.end), 0);
  };
  for (const block of blocks) {
    const size = tokensIn(text, block.start, block.end);
    if (block.heading && tokens >= sizes.target * SHORT) close();
    if (tokens + size > sizes.target) close();
    if (tokens + size <= sizes.target) {
      open.push(block);
      tokens += size;
      continue;
    }
    // Too large for a passage of its own, at least with the headings above it; these go into its first piece.
    const start = open[0]?.start ?? block.start;
    open = [];
    tokens = 0;
    spans.push(...pieces(text, { ...block, start }, sizes));
  }
  if (open.length > 0) spans.push(joined(open));
  return spans;
}

function pieces(text: string, block: Block, sizes: PassageSizes): Span[] {
  const { start, end, headings, context, parts } = block;
  const more = context === undefined ? {} : { context };
  if (parts && parts.length > 0) {
    return pack(text, filled(parts, start, end), sizes).map((span) => ({ ...more, ...span, headings }));
  }
  return splitText(text, start, end, block.cut ?? 'prose', sizes).map((piece) => ({ ...piece, headings, ...more }));
}

/** Under the headings that all of its text is under; those that stand in it count too. */
function joined(blocks: readonly Block[]): Span {
  const said = blocks.filter((block) => !block.heading);
  const [first, ...others] = said.length > 0 ? said : blocks;
  let { headings } = first!;
  for (const block of others) {
    const differs = headings.findIndex((heading, at) => block.headings[at] !== heading);
    if (differs >= 0) headings = headings.slice(0, differs);
  }
  return { start: blocks[0]!.start, end: blocks.at(-1)!.end, headings };
}
