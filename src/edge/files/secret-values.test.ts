import { expect, test } from 'vitest';
import { ValueMask } from './secret-values.ts';

function masked(text: string, size = 7) {
  const out: Uint8Array[] = [];
  const mask = new ValueMask((piece) => out.push(Buffer.from(piece)));
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
