import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fillMarks, marksIn, WholeMarks } from './fact-marks.ts';

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

test('property: wherever a text is cut into pieces, what is shown of them is the whole text with its facts', () => {
  const part = fc.constantFrom(
    '[[fact-K7Q2]]',
    '\\[\\[fact-K7Q2\\]\\]',
    '[[fact-',
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
