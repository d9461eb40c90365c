import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ClockSetSchema, ToolRefusedSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { REFUSALS_AN_HOUR, RefusalBook } from './refusal-book.ts';

const HOUR = 3_600_000;
const START = 1000 * HOUR;

const refused = (at: number, fields = {}) => ({
  sequence: 1,
  at,
  record: { case: 'toolRefused' as const, value: create(ToolRefusedSchema, fields) },
});

const taken = (book: RefusalBook, calls: number, at: number) =>
  Array.from({ length: calls }, () => book.admit('PATH_NOT_ALLOWED', at)).filter(Boolean).length;

test('an hour has room for so many; the rest comes to one sum when the hour is over', () => {
  const book = new RefusalBook();
  book.opened();
  expect(taken(book, 1000, START)).toBe(REFUSALS_AN_HOUR);
  book.admit('KEY_REUSED', START);
  expect(book.pullSums(START + HOUR - 1)).toEqual([]);
  expect(book.pullSums(START + HOUR)).toEqual([
    { reason: 'PATH_NOT_ALLOWED', count: 1000 - REFUSALS_AN_HOUR },
    { reason: 'KEY_REUSED', count: 1 },
  ]);
  expect(book.pullSums(START + HOUR)).toEqual([]);
  expect(taken(book, 1000, START + HOUR)).toBe(REFUSALS_AN_HOUR);
});

test('a restart renews nothing; answers of keys and sums do not count', () => {
  const book = new RefusalBook();
  for (let call = 0; call < REFUSALS_AN_HOUR - 10; call++) book.apply(refused(START));
  book.apply(refused(START, { idempotencyKey: 'k' }));
  book.apply(refused(START, { count: 5n }));
  book.opened();
  expect(taken(book, 100, START + 1)).toBe(10);
});

test('time that is set back renews nothing, and does not stop the next hour', () => {
  const book = new RefusalBook();
  book.opened();
  taken(book, 100, START + 1000 * HOUR);
  book.apply({ sequence: 2, at: START, record: { case: 'clockSet', value: create(ClockSetSchema, {}) } });
  expect(taken(book, 100, START)).toBe(0);
  expect(taken(book, 100, START + HOUR)).toBe(REFUSALS_AN_HOUR);
});
