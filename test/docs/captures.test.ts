// The captures of docs/approvals.md and docs/money.md are those that `make tour` takes, each in each size, with what it is known for, and fit
// their terminals.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { APPROVAL_CAPTURES, MARKS, pagePart } from '../../scripts/approval-page.ts';
import { MONEY_CAPTURES } from '../../scripts/money-page.ts';
import { SIZES } from '../../scripts/tour-captures.ts';
import { widthOf } from '../../src/base/text-columns.ts';

describe.each([
  ['docs/approvals.md', APPROVAL_CAPTURES],
  ['docs/money.md', MONEY_CAPTURES],
])('%s', (file, captures) => {
  const page = readFileSync(file, 'utf8');
  const part = page.slice(page.indexOf(MARKS.begin), page.indexOf(MARKS.end) + MARKS.end.length);
  const found = [...part.matchAll(/```text\n([\s\S]*?)\n```/g)].map(([, text = '']) => text);
  const named = captures.flatMap((capture) => SIZES.map(({ columns }) => ({ capture, columns })));

  test('the page has what the list of captures makes', () => {
    const texts = new Map(named.map(({ capture, columns }, at) => [`${capture.name}-${columns}`, found[at] ?? '']));
    expect(part, 'run: make tour').toBe(pagePart(captures, texts));
  });

  test.each(named.map(({ capture, columns }, at) => [capture.name, columns, capture, at] as const))(
    '%s in %i columns begins with its command, shows what it is known for and fits',
    (_name, columns, capture, at) => {
      const [first = '', ...lines] = (found[at] ?? '').split('\n');
      expect(first).toBe(`$ ${capture.command}`);
      expect(lines.join('\n')).toMatch(capture.shows);
      expect(lines.filter((line) => widthOf(line) > columns)).toEqual([]);
    },
  );
});
