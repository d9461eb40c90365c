import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fillMarks, localMinute, marksIn, timeMark, WholeMarks } from './fact-marks.ts';
import { filledText } from './filled-text.ts';

const FACTS = new Map([
  ['[[fact-K7Q2]]', '3 files'],
  ['[[fact-ABCD]]', 'a file named [[fact-K7Q2]]'],
]);

test('a mark gives way to its fact, also as models bend it, and what looks like a mark in a fact stays as it is', () => {
  expect(fillMarks('There are [[fact-K7Q2]].', FACTS)).toBe('There are 3 files.');
  expect(fillMarks(String.raw`**\[\[fact-k7q2\]\]**`, FACTS)).toBe('**3 files**');
  expect(fillMarks('It is [[fact-ABCD]]', FACTS)).toBe('It is a file named [[fact-K7Q2]]');
  expect(fillMarks('[[fact-K7Q2]][[fact-K7Q2]]', FACTS)).toBe('3 files3 files');
  expect(marksIn('[[fact-K7Q2]] [[fact-k7q2]] [[fact-ABCD]]')).toEqual(['[[fact-K7Q2]]', '[[fact-ABCD]]']);
});

test('a mark that nobody here knows is shown as words, in the language of the text; other brackets stay', () => {
  expect(fillMarks('It is [[fact-ZZZZ]].', FACTS)).toBe('It is (known on the box only).');
  expect(fillMarks('一共有[[fact-ZZZZ]]。', FACTS)).toBe('一共有（只有设备上知道）。');
  const wiki = 'see [[launch]], [[fact-sheets of 2026]], a[0][1] and [fact-K7Q2]';
  expect(fillMarks(wiki, FACTS)).toBe(wiki);
});

test('a moment is told in local time where it is read, and needs no box', async () => {
  const at = new Date(2026, 10, 3, 14, 5).getTime();
  expect(localMinute(at)).toBe('2026-11-03 14:05');
  expect(timeMark(Date.UTC(2026, 10, 30, 7, 13, 59))).toBe('[[time-2026-11-30T07:13Z]]');
  const noMoment = '[[time-2026-05-99T07:13Z]]';
  expect(fillMarks(noMoment, new Map())).toBe(noMoment);
  const text = `changed ${timeMark(at + 59_000)}, ${timeMark(0)}, ${timeMark(-1)}`;
  expect(fillMarks(text, new Map())).toBe(`changed 2026-11-03 14:05, ${localMinute(0)}, ${localMinute(-60_000)}`);
  expect(marksIn(text)).toEqual([]);
  const never = async () => Promise.reject(new Error('looked up'));
  expect(await filledText(text, never)).toBe(fillMarks(text, new Map()));
});

test('property: wherever a text is cut into pieces, what is shown of them is the whole text with its facts', () => {
  const part = fc.constantFrom(
    '[[fact-K7Q2]]',
    '\\[\\[fact-K7Q2\\]\\]',
    '[[fact-',
    '[[time-2026-11-30T07:13Z]]',
    String.raw`\[\[time-2026-11-30T07:13Z\]\]`,
    '[[time-2026-11-',
    '[[time-2026-11-30T07:13Z',
    '[',
    ']]',
    'fact-',
    '数',
    '🪢',
    ' x',
    '\\',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(40), { maxLength: 6 }), (parts, cuts) => {
      const text = parts.join('');
      const marks = new WholeMarks();
      const shown: string[] = [];
      let at = 0;
      for (const cut of [...cuts.filter((place) => place < text.length).sort((a, b) => a - b), text.length]) {
        shown.push(marks.add(text.slice(at, cut)));
        at = cut;
      }
      shown.push(marks.end());
      expect(shown.map((piece) => fillMarks(piece, FACTS)).join('')).toBe(fillMarks(text, FACTS));
    }),
    { numRuns: 2000 },
  );
});

test('text that cannot become a mark any more is not held back', () => {
  const marks = new WholeMarks();
  expect(marks.add('a [')).toBe('a ');
  expect(marks.add('link](x) [[fa')).toBe('[link](x) ');
  expect(marks.add('ctory]] ')).toBe('[[factory]] ');
  expect(marks.end()).toBe('');
});

test('a long fact is told once and then by a reference, and facts fill a text up to a bound, which is said', async () => {
  const long = `- ${'数'.repeat(100)}`;
  const facts = new Map([['[[fact-K7Q2]]', long]]);
  expect(fillMarks('A: [[fact-K7Q2]] B: [[fact-k7q2]]', facts)).toBe(`A: ${long} B: (as above)`);
  expect(fillMarks('一：[[fact-K7Q2]] 二：[[fact-K7Q2]]', facts)).toBe(`一：${long} 二：（同上）`);
  const huge = 'x'.repeat(16_384);
  const lookUp = async (marks: readonly string[]) => {
    looked += marks.length;
    return new Map(marks.map((mark) => [mark, huge]));
  };
  let looked = 0;
  const same = await filledText('[[fact-K7Q2]] '.repeat(8_000), lookUp);
  expect([same.length < 200_000, same.split(huge).length - 1, looked]).toEqual([true, 1, 1]);
  const letters = 'ABCDEFGHJKMNPQRSTVWXYZ';
  const marks = Array.from({ length: 8_000 }, (_, i) =>
    [i % 20, Math.floor(i / 20) % 20, Math.floor(i / 400), 0].map((at) => letters[at]).join(''),
  );
  const many = await filledText(marks.map((one) => `[[fact-${one}]] `).join(''), lookUp);
  expect([many.split(huge).length - 1, many.length < 1_000_000, looked < 100]).toEqual([16, true, true]);
  expect(many).toContain('(left out: the answer holds too many facts)');
});
