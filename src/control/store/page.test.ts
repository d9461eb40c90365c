import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readPageQuery, toPage } from './page.ts';

const position = (row: { at: number; id: string }) => ({ at: new Date(row.at), id: row.id });

test('a token leads back to the position it was made of', () => {
  const id = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.nat(8_640_000_000_000), id, (at, id) => {
      const page = toPage([{ at, id }, { at: 0, id: 'x' }], 1, position, (row) => row.id); // biome-ignore format: short
      expect(page.items).toEqual([id]);
      expect(readPageQuery({ pageToken: page.nextPageToken }).after).toEqual({ at: new Date(at), id });
    }),
  );
});

test('the last page has no token', () => {
  expect(toPage([{ at: 1, id: 'a' }], 1, position, (row) => row.id).nextPageToken).toBe('');
  expect(toPage([], 1, position, () => '').nextPageToken).toBe('');
});

test('sizes have a default and a ceiling, and nonsense is refused', () => {
  expect([
    readPageQuery({}).size,
    readPageQuery({ pageSize: 0 }).size,
    readPageQuery({ pageSize: 9 ** 9 }).size,
  ]).toEqual([50, 50, 500]);
  for (const pageSize of [-1, 0.5, Number.NaN]) expect(() => readPageQuery({ pageSize })).toThrow('page size');
  expect(() => readPageQuery({ pageToken: 'garbage' })).toThrow('token');
});
