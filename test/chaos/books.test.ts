import { expect, test } from 'vitest';
import { type Books, wrongAt, wrongAtLast } from './books.ts';

const look = { limit: 100, spent: 70, reserved: 0, held: 0, lapsed: 40, ledger: 30 };
const books: Books = {
  look,
  ledger: [{ run: 'r1', micros: 10, estimated: false }, { run: 'r2', micros: 20, estimated: true }], // biome-ignore format: one line
  reservations: [{ run: 'r1', micros: 40, lapsed: true }],
};
const bill = [
  { question: 'a', micros: 10 },
  { question: 'a', micros: 12 },
  { question: '二', micros: 21 },
];
const questions = new Map([['r1', 'a'], ['r2', '二']]); // biome-ignore format: one line

test('books that agree', () => {
  expect(wrongAtLast(books, bill, questions)).toEqual([]);
});

test.each([
  ['above the limit', { reserved: 31, held: 31 }, 0, /of 100$/],
  ['more on the bill than is known', {}, 71, /^71 is on the bill/],
  ['a millionth that no reservation has', { reserved: 1 }, 0, /^1 is reserved, and the reservations are 0$/],
  ['a millionth that the ledger has not', { ledger: 29 }, 0, /the ledger has 29/],
])('%s is seen', (_, change, billed, words) => {
  expect(wrongAt({ ...look, ...change }, billed)).toEqual([expect.stringMatching(words)]);
});

test('what is kept, charged twice, charged for nothing or never charged is seen', () => {
  const [first] = books.ledger;
  const wrong = (change: Partial<Books>, of = bill) => wrongAtLast({ ...books, ...change }, of, questions);
  expect(wrong({ reservations: [...books.reservations, { run: 'r2', micros: 1, lapsed: false }] })).toEqual(['reserved for ever: r2']); // biome-ignore format: one line
  expect(wrong({ ledger: [...books.ledger, first!] })).toEqual(['r1 was charged 10, which nobody billed']);
  expect(wrong({ reservations: [] })).toEqual(['12 was billed for a, and nobody was charged']);
  expect(wrong({}, [...bill, { question: '二', micros: 5 }])).toEqual(['5 was billed for 二, and nobody was charged']);
});
