// Tables that fit a terminal.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { widthOf } from '../base/text-columns.ts';
import { type Column, fitTable } from './table.ts';

interface Row {
  path: string;
  size: string;
  run: string;
}

const columns: Column<Row>[] = [
  { heading: 'path', text: ({ path }) => path, least: 10, keepsEnd: true },
  { heading: 'size', text: ({ size }) => size, isNumber: true },
  { heading: 'run', text: ({ run }) => run, brief: ({ run }) => run.slice(-8), leaves: 2 },
  { heading: 'grant', text: () => 'g', onlyWide: true },
];
const row = (path: string, size = '9 bytes'): Row => ({ path, size, run: '01a22c0d-9df4-7268-83c8-904fd414a31d' });

test('without a terminal, and with --wide, everything is there in whole', () => {
  const rows = [row('notes/a-very-long-name-of-a-file-that-would-not-fit-anywhere.md')];
  const whole = fitTable(columns, rows, { width: undefined });
  expect(whole.lines[1]).toBe(`${rows[0]?.path}  9 bytes  ${rows[0]?.run}  g`);
  expect(fitTable(columns, rows, { width: 40, wide: true })).toEqual(whole);
  expect(whole.isCut).toBe(false);
});

test('on a terminal ids are short, numbers end below one another, and what is left out is known', () => {
  const { lines, isCut } = fitTable(columns, [row('notes/a.md'), row('b.md', '12 KB')], { width: 80 });
  expect(lines).toEqual(['PATH           SIZE  RUN', 'notes/a.md  9 bytes  d414a31d', 'b.md          12 KB  d414a31d']);
  expect(isCut).toBe(false);
  expect(fitTable(columns, [row('notes/a.md')], { width: 20 }).isCut).toBe(true);
});

test('a long cell is cut first, where it says least; then columns leave by their rank', () => {
  const rows = [row('notes/projects/2026/launch/plan.md')];
  expect(fitTable(columns, rows, { width: 40 }).lines[1]).toBe('…/2026/launch/plan.md  9 bytes  d414a31d');
  expect(fitTable(columns, rows, { width: 20 }).lines).toEqual(['PATH            SIZE', '…ch/plan.md  9 bytes']);
});

test('no line is wider than the terminal, whatever the letters', () => {
  const cell = fc.string({
    unit: fc.constantFrom('a', '会', '👩‍👩‍👧', 'e\u0301', 'ｱ', '\u001b', '\n', '\u202e'),
    maxLength: 60,
  });
  fc.assert(
    fc.property(fc.array(cell, { minLength: 1, maxLength: 5 }), fc.integer({ min: 10, max: 120 }), (paths, width) => {
      const { lines } = fitTable(
        columns,
        paths.map((path) => row(path)),
        { width },
      );
      for (const line of lines) {
        expect(widthOf(line)).toBeLessThanOrEqual(width);
        expect(line).not.toMatch(/\p{Cc}|\u202e/u);
      }
    }),
  );
});
