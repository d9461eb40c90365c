// The captures of docs/approvals.md are those that `make tour` takes, each in each size, with what it is known for, and fit their terminals.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { APPROVAL_CAPTURES, approvalPart, MARKS } from '../../scripts/approval-page.ts';
import { SIZES } from '../../scripts/tour-captures.ts';
import { widthOf } from '../../src/base/text-columns.ts';

const page = readFileSync('docs/approvals.md', 'utf8');
const part = page.slice(page.indexOf(MARKS.begin), page.indexOf(MARKS.end) + MARKS.end.length);
const found = [...part.matchAll(/```text\n([\s\S]*?)\n```/g)].map(([, text = '']) => text);
const named = APPROVAL_CAPTURES.flatMap((capture) => SIZES.map(({ columns }) => ({ capture, columns })));

test('the page has what the list of captures makes', () => {
  const texts = new Map(named.map(({ capture, columns }, at) => [`${capture.name}-${columns}`, found[at] ?? '']));
  expect(part, 'run: make tour').toBe(approvalPart(texts));
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
