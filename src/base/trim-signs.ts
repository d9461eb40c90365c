// Takes signs off the ends of a text in one pass. A regular expression such as /x+$/ would look at a long run of them again from each of
// its letters.

/** Without any of `signs` (UTF-16 units) at its end. */
export function trimEndSigns(text: string, signs: string): string {
  let end = text.length;
  while (end > 0 && signs.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** Without any of `signs` at either end. */
export function trimSigns(text: string, signs: string): string {
  let start = 0;
  while (start < text.length && signs.includes(text[start]!)) start++;
  return trimEndSigns(text.slice(start), signs);
}

/** Several lines as one: the line ends, and the spaces around them, become one space. */
export function oneLine(text: string): string {
  const lines = text
    .split('\n')
    .map((line, at, all) => (at === 0 ? line.trimEnd() : at === all.length - 1 ? line.trimStart() : line.trim()));
  return lines.filter((line, at) => line !== '' || at === 0 || at === lines.length - 1).join(' ');
}
