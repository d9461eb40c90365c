// What the vector of a passage is made of: its text under its title and headings. Pure.
import { trimEndSigns } from '../../../../base/trim-signs.ts';

/** Bytes of what is embedded of one passage; the contract of embed takes 64 KiB. */
const MOST_BYTES = 60_000;

export interface EmbeddedParts {
  readonly title: string;
  readonly headings: readonly string[];
  readonly text: string;
  /** A line that stands for what is above the passage, where it is not in it. */
  readonly context?: string;
}

/** Title and headings that the text does not say itself, from the outermost in. */
export const unsaidOf = ({ title, headings, text }: EmbeddedParts): string[] =>
  [title, ...headings].filter((line, at, all) => line !== '' && all.indexOf(line) === at && !text.includes(line));

export function embeddedText(parts: EmbeddedParts): string {
  const unsaid = unsaidOf(parts);
  const head = unsaid.length > 0 ? `${unsaid.join(' > ')}\n` : '';
  return cutBytes(`${head}${parts.context ?? ''}${parts.text}`);
}

function cutBytes(text: string): string {
  if (Buffer.byteLength(text) <= MOST_BYTES) return text;
  return trimEndSigns(Buffer.from(text).subarray(0, MOST_BYTES).toString(), '\ufffd');
}
