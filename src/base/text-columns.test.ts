import { expect, test } from 'vitest';
import { inColumns } from './text-columns.ts';

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
