import { expect, test } from 'vitest';
import { isNamed } from './named-address.ts';

const named = (value: string, text: string, hosts: string[] = []) => isNamed(value, text, hosts);

test.each([
  ['https://example.com/a', 'Read https://example.com/a, please'],
  ['https://example.com/a', '(see <https://example.com/a>).'],
  ['https://example.com/a', '请看https://example.com/a。谢谢'],
  ['https://example.com/', 'What is on https://example.com?'],
  ['https://example.com', 'What is on https://EXAMPLE.com/?'],
  ['https://example.com/', 'what does example.com say?'],
  ['http://example.com/x', 'what does example.com/x say?'],
  ['https://zh.wikipedia.org/wiki/北京', '看 https://zh.wikipedia.org/wiki/北京 吧'],
  ['https://en.wikipedia.org/wiki/Bowline_(knot)', 'Sum up https://en.wikipedia.org/wiki/Bowline_(knot).'],
  ['example.com', 'crawl https://example.com/docs'],
  ['http://wiki.home:8080/', 'what is on wiki.home:8080?'],
])('%s is named in: %s', (value, text) => {
  expect(named(value, text)).toBe(true);
});

test.each([
  ['https://example.com/a', 'Read https://example.com/abc'],
  ['https://example.com/a?secret=1', 'Read https://example.com/a'],
  ['https://example.com/', 'Read https://example.com/a'],
  ['https://secret.example.com/', 'Read https://example.com/'],
  ['https://user:secret@example.com/', 'Read https://example.com/'],
  ['https://example.com/#secret', 'Read https://example.com/'],
  ['http://example.com/', 'Read https://example.com/'],
  ['https://example.com.evil.net/', 'what does example.com say?'],
  ['evil.net', 'what does example.com say?'],
  ['not an address', 'what is an address'],
  ['', 'anything'],
])('%s is not named in: %s', (value, text) => {
  expect(named(value, text)).toBe(false);
});

test('a host that the operator configured needs no name in the ask, whatever the path', () => {
  expect(named('https://wiki.home.example/any?q=1', 'What?', ['Wiki.home.example'])).toBe(true);
  expect(named('https://wiki.home.example.net/', 'What?', ['wiki.home.example'])).toBe(false);
});

test('of an ask with a thousand addresses the last ones are not named', () => {
  const text = Array.from({ length: 2_000 }, (_, n) => `https://example.com/${n}`).join(' ');
  expect([named('https://example.com/3', text), named('https://example.com/1999', text)]).toEqual([true, false]);
});
