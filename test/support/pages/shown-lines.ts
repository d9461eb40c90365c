// Compares what a page says that a command prints with what it printed. `…` on the page stands for what was cut: whole lines where it
// stands alone, letters within a line. Times and spaces between columns are not compared.

/** What is missing in `shown`, in words; undefined when all is there, in this order. */
export function missingOf(page: readonly string[], shown: string): string | undefined {
  const lines = shown.split('\n').map(compared);
  let at = 0;
  let cut = false;
  for (const wanted of page.map(compared)) {
    if (wanted === '') continue;
    if (wanted === '…') {
      cut = true;
      continue;
    }
    const pattern = new RegExp(`^${wanted.split('…').map(escaped).join('.*')}$`, 'u');
    const limit = cut ? lines.length : nextFilled(lines, at) + 1;
    const found = lines.findIndex((line, index) => index >= at && index < limit && pattern.test(line));
    if (found < 0)
      return `the page says\n    ${wanted}\nwhich is not ${cut ? 'after' : 'at'} line ${at + 1} of\n${shown}`;
    at = found + 1;
    cut = false;
  }
  return undefined;
}

/** The next line that is not empty. */
function nextFilled(lines: readonly string[], from: number): number {
  const found = lines.findIndex((line, index) => index >= from && line !== '');
  return found < 0 ? lines.length : found;
}

const compared = (line: string): string =>
  line
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?/g, 'TIME')
    .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, 'http://127.0.0.1:PORT')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/ ?… ?/g, '…')
    .trim();

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
