import { expect, test } from 'vitest';
import { pageOf, pageOfRows, readOffset, readPlace, writePlace } from './paging.ts';

const all = (most: number, pageSize: number) => {
  const items = Array.from({ length: 7 }, (_, n) => `k${6 - n}`);
  const seen: string[][] = [];
  let pageToken = '';
  do {
    const page = pageOf(items, (item) => item, { pageSize, pageToken }, most);
    seen.push(page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return seen;
};

test('a list comes page by page in the order of its keys, each item once, and the last page has no token', () => {
  expect(all(3, 50)).toEqual([['k0', 'k1', 'k2'], ['k3', 'k4', 'k5'], ['k6']]);
  expect(all(7, 7)).toEqual([['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6']]);
  expect(all(1_000, 0)).toHaveLength(1);
});

test('what is removed or added between two pages shifts nothing', () => {
  const request = { pageSize: 2, pageToken: '' };
  const first = pageOf(['a', 'b', 'c', 'd'], (item) => item, request, 10);
  const second = pageOf(['0', 'b', 'd'], (item) => item, { ...request, pageToken: first.nextPageToken }, 10);
  expect(second).toEqual({ items: ['d'], nextPageToken: '' });
});

test('a token of somebody else is refused', () => {
  expect(readPlace('')).toBeUndefined();
  expect(readPlace(writePlace('月/ü 1'))).toBe('月/ü 1');
  expect(readOffset('', 10)).toBe(0);
  expect(readOffset(writePlace('10'), 10)).toBe(10);
  for (const token of ['x', 'k3', `${writePlace('k3')}=`, Buffer.from('>a\0').toString('base64url')]) {
    expect(() => readPlace(token)).toThrow('the page token is not one of ours');
  }
  for (const place of ['11', '-1', '1.5', 'k3', '']) {
    expect(() => readOffset(writePlace(place), 10)).toThrow('the page token is not one of ours');
  }
});

test('rows of a database make a page, whose token is the place of its last row; the last page has none', () => {
  const place = (row: number) => `at ${row}`;
  expect(pageOfRows([1, 2, 3], 2, place, String)).toEqual({ items: ['1', '2'], nextPageToken: writePlace('at 2') });
  expect(pageOfRows([1, 2], 2, place, String).nextPageToken).toBe('');
  expect(pageOfRows([], 2, place, String)).toEqual({ items: [], nextPageToken: '' });
});
