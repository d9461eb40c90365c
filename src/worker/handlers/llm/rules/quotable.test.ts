// How text is cut into what can be quoted, with its lines.
import { expect, test } from 'vitest';
import { unitsOf } from './quotable.ts';

const short = (text: string, prose = true) =>
  unitsOf(text, 1, prose).map((unit) => `${unit.startLine}-${unit.endLine} ${unit.kind} ${unit.text}`);

test('sentences over several lines are whole and know their lines; abbreviations and numbers do not end them', () => {
  expect(short('It costs 1.5 euro, e.g. in\nnotes.md. The next\none.\n\nLast')).toEqual([
    '1-2 text It costs 1.5 euro, e.g. in notes.md.',
    '2-3 text The next one.',
    '5-5 text Last',
  ]);
});

test('Chinese sentences end at their own marks and are joined without a space', () => {
  expect(short('第一句话。第二句\n在下一行！好')).toEqual([
    '1-1 text 第一句话。',
    '1-2 text 第二句在下一行！',
    '2-2 text 好',
  ]);
});

test('lines with a label, and short Chinese lines, are quoted alone', () => {
  expect(short('发布日期：三月三日\n负责人：小王\n预算：四千欧元')).toEqual([
    '1-1 text 发布日期：三月三日',
    '2-2 text 负责人：小王',
    '3-3 text 预算：四千欧元',
  ]);
  expect(short('Owner: Anna\nLaunch: in\nMarch')).toEqual(['1-1 text Owner: Anna', '2-3 text Launch: in March']);
  expect(short('待办\n我们要在三月十四日之前完成全部工作。')).toEqual([
    '1-1 text 待办',
    '2-2 text 我们要在三月十四日之前完成全部工作。',
  ]);
});

test('headings stand above what follows; items, tables and code are single units', () => {
  const text =
    '# A\n\n## B\n- one\n- two\n  more\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```\ncode. here\n```\n\n    indented. code\n';
  expect(short(text)).toEqual([
    '1-1 heading A',
    '3-3 heading B',
    '4-4 text one',
    '5-6 text two more',
    '8-8 text | x | y |',
    '10-10 text | 1 | 2 |',
    '13-13 code code. here',
    '16-16 code indented. code',
  ]);
  expect(unitsOf(text, 1, true).at(-1)?.headings).toEqual(['A', 'B']);
});

test('source code and data are cut by line, from the first line that is told', () => {
  expect(unitsOf('a = 1.\n\nb = 2', 10, false).map((unit) => [unit.startLine, unit.text])).toEqual([
    [10, 'a = 1.'],
    [12, 'b = 2'],
  ]);
});
