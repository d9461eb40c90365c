import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pageOfRows } from '../../contract/paging.ts';
import { placeOfRow, readPageQuery } from './page.ts';

test('a token leads back to the row it was made of', () => {
  const id = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.nat(8_640_000_000_000), id, (at, id) => {
      const rows = [
        { created_at: new Date(at), id },
        { created_at: new Date(0), id: 'x' },
      ];
      const { nextPageToken } = pageOfRows(rows, 1, placeOfRow, (row) => row.id);
      expect(readPageQuery({ pageToken: nextPageToken }).after).toEqual({ at: new Date(at), id });
    }),
  );
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
