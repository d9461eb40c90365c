// The beginning of a text that is shown: whole characters only. Pure.

/** At most so many bytes of it, as text. */
export function textBeginning(text: Buffer, bytes: number): string {
  let end = Math.min(text.length, bytes);
  while (end < text.length && end > 0 && (text[end]! & 0xc0) === 0x80) end--;
  return text.toString('utf8', 0, end);
}
