// Spellings of one page have one name, and a name is its own.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normaliseUrl } from './normalise-url.ts';

const name = (text: string) => normaliseUrl(new URL(text));

test('normalising twice changes nothing more, and the host stays', () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (text) => {
      const once = name(text);
      expect(name(once)).toBe(once);
      expect(new URL(once).host).toBe(new URL(text).host.replace(/\.$/, ''));
      expect(once).not.toContain('#');
    }),
  );
});

test.each([
  ['HTTP://A.example:80/x/../y/#part', 'http://a.example/y/'],
  ['https://a.example/%7euser?utm_source=x&id=1', 'https://a.example/~user?id=1'],
  ['https://a.example./?', 'https://a.example/'],
  ['https://a.example/??', 'https://a.example/??'],
  ['https://a.example/a%2fb', 'https://a.example/a%2Fb'],
  ['https://a.example//x//y', 'https://a.example/x/y'],
])('%s is %s', (text, normal) => {
  expect(name(text)).toBe(normal);
});
