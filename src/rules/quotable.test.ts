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

test.each([
  ['a list', 'Return the library books by 12 December\nBuy milk\nCall the plumber\nPay the rent on Friday'],
  ['a list in small letters', 'return the library books by 12 dec\nbuy milk\ncall mum. she waits\npay the rent'],
  ['a Chinese list', '还图书馆的书，十二月三日\n买牛奶\n给妈妈打电话\n交房租'],
  ['names with values', 'Tom Hughes: 555-12\nAnna Maria Lee: 555-13\nDr Wu: 555-14'],
  ['a poem without marks', '床前明月光\n疑是地上霜\n举头望明月\n低头思故乡'],
])('each line of %s stands alone', (_, text) =>
  expect(unitsOf(text, 1, true).filter(({ startLine, endLine }) => startLine !== endLine)).toEqual([]),
);

test.each([
  ['one INFO request handled in 21 ms', 'ERROR payment gateway refused: code PG-7731'],
  ['2026-11-12 10:00:01 INFO request handled in 21 ms. next', '2026-11-12 10:00:02 ERROR payment refused: PG-7731'],
  ['info: a request was handled in twenty-one ms by us', 'error: the payment was refused with code PG-7731!!'],
])('a line of a log is a unit: %s', (line, other) => {
  const units = unitsOf([...Array(150).fill(line), other, ...Array(150).fill(line)].join('\n'), 1, true);
  expect(units.find(({ text }) => text.includes('PG-7731'))).toMatchObject({
    text: other,
    startLine: 151,
    endLine: 151,
  });
});

test('a wrapped paragraph is joined also where a line begins with a capital letter or a number', () => {
  const text = `Notes of the day
We met at the office of the bridge authority in
Leeds with all of the engineers and agreed on a
budget of 40 thousand euro, to be spent until
2027 at the latest.`;
  expect(short(text)).toEqual([
    '1-1 text Notes of the day',
    expect.stringMatching(/^2-5 text We met .* 2027 at the latest\.$/),
  ]);
  expect(short('Hi Anna,\nwe come\n\nТы знаешь, что мы приедем в город поздно\nвечером и останемся.')).toEqual([
    '1-2 text Hi Anna, we come',
    '4-5 text Ты знаешь, что мы приедем в город поздно вечером и останемся.',
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
