import { expect, test } from 'vitest';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { HttpCache } from './http-cache.ts';

const URL_A = new URL('https://a.example/x');
const BODY = Buffer.from('text');
const HOUR = 3_600_000;

function cacheWith(headers: Readonly<Record<string, string>>, status = 200) {
  const clock = new ManualClock();
  const cache = new HttpCache(1 << 20, clock);
  const head = (fields: Readonly<Record<string, string>>, of = 200) => ({
    status: of,
    header: (name: string) => fields[name],
  });
  cache.put('t', URL_A, head(headers, status), BODY);
  const freshFor = () => {
    const stored = cache.get('t', URL_A);
    if (!stored) return undefined;
    let ms = 0;
    for (; cache.isFresh(cache.get('t', URL_A)!) && ms < 30 * HOUR; ms += 10_000) clock.advance(10_000);
    return ms / 1000;
  };
  return { clock, cache, head, freshFor };
}

const date = (ms: number) => new Date(ms).toUTCString();
const TAG = { etag: '"1"' };

test.each([
  ['max-age counts', { 'cache-control': 'max-age=60' }, 60],
  ['less the age that it has already', { 'cache-control': 'max-age=60', age: '20' }, 40],
  ['s-maxage is for us', { 'cache-control': 'max-age=60, s-maxage=20' }, 20],
  ['never for longer than a day', { 'cache-control': 'max-age=99999999999999' }, 24 * 3600],
  ['Expires counts from Date', { expires: date(100_000), date: date(40_000) }, 60],
  ['what must be asked for again is kept with its validator', { 'cache-control': 'no-cache, max-age=60', ...TAG }, 0],
  ['nothing is guessed', { 'last-modified': date(0) }, 0],
  ['what sets a cookie is asked for again', { 'cache-control': 'max-age=60', 'set-cookie': 'a=b', ...TAG }, 0],
])('%s', (_, headers, seconds) => {
  expect(cacheWith(headers).freshFor()).toBe(seconds);
});

test.each([
  ['no-store', { 'cache-control': 'no-store, max-age=60', ...TAG }],
  ['private', { 'cache-control': 'private, max-age=60', ...TAG }],
  ['neither fresh nor with a validator', {}],
  ['for one request only', { 'cache-control': 'max-age=60', vary: 'accept, *' }],
  ['a rule too long to keep', { 'cache-control': `max-age=60${','.repeat(900)}` }],
  ['a validator too long to keep, and nothing else', { etag: 'x'.repeat(600) }],
])('%s: not kept', (_, headers) => {
  expect(cacheWith(headers).cache.get('t', URL_A)).toBeUndefined();
});

test('only for its tenant, and only status 200', () => {
  const { cache } = cacheWith({ 'cache-control': 'max-age=60' });
  expect(cache.get('t', URL_A)).toBeDefined();
  expect(cache.get('other', URL_A)).toBeUndefined();
  expect(cacheWith({ 'cache-control': 'max-age=60' }, 203).cache.get('t', URL_A)).toBeUndefined();
});

test('304 makes it fresh again by what it says, else by what was said before', () => {
  const { clock, cache, head } = cacheWith({
    'cache-control': 'max-age=60',
    age: '30',
    ...TAG,
    'content-type': 'text/html',
  });
  clock.advance(70_000);
  const old = cache.get('t', URL_A)!;
  expect(cache.isFresh(old)).toBe(false);
  const again = cache.renew('t', URL_A, old, head({}, 304));
  expect(again).toMatchObject({ etag: '"1"', contentType: 'text/html', body: BODY });
  expect(cache.isFresh(again)).toBe(true);
  clock.advance(50_000);
  expect(cache.isFresh(cache.get('t', URL_A)!)).toBe(true);
  const never = cache.renew('t', URL_A, again, head({ 'cache-control': 'no-store' }, 304));
  expect(never.body).toBe(BODY);
  expect(cache.get('t', URL_A)).toBeUndefined();
});
