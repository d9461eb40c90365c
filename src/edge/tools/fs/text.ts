// Bytes as UTF-8 text and text as lines. Pure.

export interface TextLines {
  /** Without a byte order mark; line ends as they are. */
  readonly text: string;
  /** Offset at which each line begins. A line end at the very end begins no further line. */
  readonly starts: readonly number[];
}

/** Undefined when the bytes are not UTF-8 text. */
export function decodeText(content: Uint8Array): string | undefined {
  if (content.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return undefined;
  }
}

/** Lines end with LF, CR LF or a single CR. */
export function linesOf(text: string): TextLines {
  const starts: number[] = text === '' ? [] : [0];
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c !== 10 && !(c === 13 && text.charCodeAt(at + 1) !== 10)) continue;
    if (at + 1 < text.length) starts.push(at + 1);
  }
  return { text, starts };
}

/** Line `number` (from 1) without its end. */
export function lineAt({ text, starts }: TextLines, number: number): string {
  return text.slice(starts[number - 1], starts[number] ?? text.length).replace(/[\r\n]+$/, '');
}

/** Lines `from` to `to` with their ends, stopped before the first line that would pass `maxBytes`. */
export function slice(
  lines: TextLines,
  from: number,
  to: number,
  maxBytes: number,
): { text: string; last: number; cut: boolean } {
  const { text, starts } = lines;
  let bytes = 0;
  let last = from - 1;
  while (last < to) {
    const size = Buffer.byteLength(text.slice(starts[last], starts[last + 1] ?? text.length));
    if (bytes + size > maxBytes) break;
    bytes += size;
    last++;
  }
  if (last >= from) return { text: text.slice(starts[from - 1], starts[last] ?? text.length), last, cut: false };
  // A single line that is longer than the limit is cut between characters.
  const line = Buffer.from(text.slice(starts[from - 1], starts[from] ?? text.length)).subarray(0, maxBytes);
  return { text: new TextDecoder('utf-8').decode(line).replace(/\ufffd+$/, ''), last: from, cut: true };
}
