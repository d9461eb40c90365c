// The part of a long line that holds what was asked for.
import { tokens } from './words.ts';

/** At most `room` characters of a text, with as many of the wanted words as one part can have; the first such part. */
export function excerpt(text: string, wanted: ReadonlySet<string>, room: number): string {
  if (text.length <= room) return text;
  const heldFrom = (from: number): number =>
    new Set(tokens(text.slice(from, from + room)).filter((token) => wanted.has(token))).size;
  let best = { from: 0, held: heldFrom(0) };
  for (let from = room / 2; from < text.length && best.held < wanted.size; from += room / 2) {
    const held = heldFrom(from);
    if (held > best.held) best = { from, held };
  }
  // The last part is as long as the others.
  const from = Math.min(best.from, text.length - room);
  const to = from + room;
  return `${from > 0 ? '…' : ''}${text.slice(from, to).toWellFormed()}${to < text.length ? '…' : ''}`;
}
