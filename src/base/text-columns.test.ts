import { expect, test } from 'vitest';
import { inColumns, inLines, widthOf } from './text-columns.ts';

test('columns fit their widest cell as a terminal draws it, and no cell leaves its line', () => {
  expect(
    inColumns([
      ['NAME', 'WHERE'],
      ['笔记', 'here'],
      ['e\u0301', 'a\nb\u001b[2J'],
    ]),
  ).toEqual(['NAME  WHERE', '笔记  here', 'e\u0301     a b\\x1b[2J']);
  expect(inColumns([])).toEqual([]);
});

test('sentences break between words, letters of two columns where there are none, and commands never', () => {
  const text = 'It waits for 发布日期是三月三日发布日期是三月三日; end it with `bowline runs cancel r1`.';
  const lines = inLines(text, 26, '  ');
  expect(lines).toEqual([
    'It waits for 发布日期是三',
    '  月三日发布日期是三月三日',
    '  ; end it with',
    '  `bowline runs cancel r1`.',
  ]);
  for (const line of lines.slice(0, 3)) expect(widthOf(line)).toBeLessThanOrEqual(26);
  expect(inLines(text, Number.POSITIVE_INFINITY)).toEqual([text]);
  expect(inLines('', 10)).toEqual(['']);
});
