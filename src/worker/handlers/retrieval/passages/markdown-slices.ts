// Cuts a long Markdown text into slices that are parsed one by one, so that neither memory nor time grows faster than the text.
// A slice ends where a top-level block does; where that cannot be told, only structure is lost, never text.
import type { CutText } from './split-text.ts';

/** A slice ends at the first heading behind so many letters, or at the first blank line behind four times as many. */
const SLICE = 64 << 10;

/** Slices that cover the text from `start` on. */
export function markdownSlices(text: string, start: number): CutText[] {
  const slices: CutText[] = [];
  let from = start;
  let fence = '';
  let blankBefore = true;
  for (let at = start; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const next = newline < 0 ? text.length : newline + 1;
    // Nothing that matters here stands behind the first letters of a line.
    const line = text.slice(at, Math.min(next, at + 256));
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? '';
    if (fence === '') {
      const far = at - from;
      const heading = /^#{1,6}\s/.test(line);
      if ((far >= SLICE && heading) || (far >= 4 * SLICE && blankBefore && /^\S/.test(line))) {
        slices.push({ start: from, end: at });
        from = at;
      }
      fence = mark;
    } else if (mark.startsWith(fence)) {
      fence = '';
    }
    blankBefore = line.trim() === '';
    at = next;
  }
  if (from < text.length) slices.push({ start: from, end: text.length });
  return slices;
}
