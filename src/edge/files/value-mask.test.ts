import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maskerOf } from '../../../test/support/masker-of.ts';
import { type Hidden, maskedPlaces, ValueMask } from './value-mask.ts';

const LOOKS: Hidden = { known: undefined, values: 'masked' };

function masked(text: string, size = 7, hidden = LOOKS) {
  const out: Uint8Array[] = [];
  const mask = new ValueMask((piece) => out.push(Buffer.from(piece)), hidden);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) mask.add(bytes.subarray(at, at + size));
  const count = mask.end();
  return { text: Buffer.concat(out).toString(), count };
}

test.each([
  ['password: Tr0ub4dor&3', 'password: ***'],
  ['password = Summer2024', 'password = ***'],
  ['API_KEY="k9QxZ2mB7vLp4RtY"', 'API_KEY="***"'],
  ['"clientSecret": "8f3b1c9a2e7d4f60",', '"clientSecret": "***",'],
  ['export DB_PASSWORD=pl3ase-Dont-t3ll', 'export DB_PASSWORD=***'],
  ['auth_token => `AbCd1234EfGh5678`', 'auth_token => `***`'],
  ['postgres://app:s3cr3tpw@db:5432/x', 'postgres://app:***@db:5432/x'],
  ['Authorization: Bearer abcDEF123.ghiJKL456', 'Authorization: Bearer ***'],
  ['密码 password=k9QxZ2mB7vLp 词语', '密码 password=*** 词语'],
])('%s', (before, after) => {
  for (const size of [1, 7, 1000])
    expect(masked(`first line\n${before}\nlast`, size)).toEqual({ text: `first line\n${after}\nlast`, count: 1 });
});

test.each([
  'The password: something that everybody knows',
  `password: ${'{DB_PASSWORD}'}`,
  'token: process.env.TOKEN2',
  'token = secret://backup',
  'secret: xxxxxxxx',
  'password = changeme',
  'tokens: 123456789',
  'a token is a unit in which a model counts text',
  'password_file: /run/secrets/x',
  'see https://example.com:8080/path@1',
  'nextPageToken: page.nextPageToken, token = nextPageToken;',
  'resumeToken: Uint8Array.of(7)',
  'postgres://user:password@host/name',
  'commit 3f786850e387550fdab836ed7e6dc881de23001b',
])('stays as it is: %s', (text) => {
  expect(masked(text)).toEqual({ text, count: 0 });
});

test('a long line is not held for ever, and no line end is lost', () => {
  const text = `${'a b '.repeat(20_000)}\r\npassword: Tr0ub4dor&3\r\n\n`;
  expect(masked(text, 1000)).toEqual({ text: text.replace('Tr0ub4dor&3', '***'), count: 1 });
});

const BOX = 'Zq8-vTkk-991x-Lhnd';
const TWO = 'first-Half-of-it\nsecond-Half-of-it';
const known = maskerOf({ box: BOX, two: TWO });
const BOTH: Hidden = { known, values: 'masked' };
const base64 = Buffer.from(BOX).toString('base64');

test.each([
  [`head of it ${BOX} tail`, 'head of it ***box*** tail'],
  [`wrapped ${BOX.slice(0, 7)}\n${BOX.slice(7)} 词语`, 'wrapped ***box***\n***box*** 词语'],
  [`a ${TWO} z`, 'a ***two***\n***two*** z'],
  [TWO.replace('\n', '\r\n\r\n'), '***two***\r\n\r\n***two***'],
  [base64.replaceAll(/.{8}/g, '$&\n'), '***box***\n***box***\n***box***\n'],
  ['Z\nq\n8-vTkk\n\n-991x-Lhnd', '***box***\n***box***\n***box***\n\n***box***'],
  [`password: ${BOX}`, 'password: ***box***'],
  [`a ${BOX}${BOX}`, 'a ***box******box***'],
])('a secret that is known is masked in every line that has a part of it: %j', (text, after) => {
  for (const size of [1, 7, 1000])
    for (const values of ['meant', 'masked'] as const)
      expect(masked(`first line\n${text}\nlast`, size, { known, values }).text).toBe(`first line\n${after}\nlast`);
});

test('what overlaps is one value: nothing of it stands beside a mask; where the others are meant, the known alone', () => {
  const text = `password: ab${BOX}Y7\n`;
  expect(masked(text, 7, BOTH)).toEqual({ text: 'password: ***box***\n', count: 0 });
  expect(masked(text, 7, { known, values: 'meant' }).text).toBe('password: ab***box***Y7\n');
  expect(masked(text, 7, { known, values: 'exact' }).text).toBe(text);
});

test('pieces are masked as the whole is, of whatever lines and lengths, and no line comes or goes', () => {
  const parts = [
    BOX,
    TWO,
    base64,
    BOX.slice(0, 9),
    'password: k9QxZ2mB7vLp ',
    '\n',
    '\r\n',
    '词',
    '%5',
    'a b '.repeat(5000),
  ];
  const texts = fc.array(fc.constantFrom(...parts), { maxLength: 8 });
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 40_000 }), fc.constantFrom('meant', 'masked'), (all, size, values) => {
      const hidden = { known, values } as const;
      const text = all.join('');
      const whole = masked(text, text.length + 1, hidden);
      const lines = (one: string) => one.match(/\r\n|\r|\n/g);
      expect(lines(whole.text)).toEqual(lines(text));
      expect(whole.text).not.toMatch(/vTkk-991x|Half-of/);
      const places = maskedPlaces(Buffer.from(text), hidden);
      expect(places.filter(({ name }) => name === undefined)).toHaveLength(whole.count);
      // What only looks like a value is not seen across 16 KiB without a line end.
      if (values === 'meant' || !text.includes('a b '.repeat(3))) expect(masked(text, size, hidden)).toEqual(whole);
    }),
    { numRuns: 60 },
  );
});
