import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maskerOf } from '../../../test/support/masker-of.ts';
import { MaskedLog } from './masked-log.ts';

const VALUE = 'Tr0ub4dor&3/zoë+K=9';
const PEM = `-----BEGIN PRIVATE KEY-----\n${Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz'.repeat(9)).toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;

const masker = maskerOf({ token: VALUE, pem: PEM });

/** What a program of the system prints for it. */
const printed = (script: string, value = VALUE) =>
  execFileSync('sh', ['-c', script], { env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', S: value } });

const programs: Readonly<Record<string, string>> = {
  plain: 'printf %s "$S"',
  'within other text': 'echo "Authorization: Bearer $S;"',
  base64: 'printf %s "$S" | base64',
  'base64 with its line end': 'echo "$S" | base64',
  'base64 behind one letter': 'printf "x%s" "$S" | base64',
  'base64 behind two letters': 'printf "xy%s, z" "$S" | base64',
  'base64 in short lines': 'printf %s "$S" | base64 -w 5',
  'base64 for addresses': 'printf %s "$S" | base64 | tr "+/" "-_"',
  base32: 'printf %s "$S" | base32',
  'base32 behind three letters': 'printf "xyz%s" "$S" | base32',
  reversed: 'echo "$S" | rev',
  'one letter a line': 'printf %s "$S" | sed "s/./&\\n/g"',
  'upper case': 'printf %s "$S" | tr a-z A-Z',
  hexadecimal: 'printf %s "$S" | od -An -tx1 -w64',
  'hexadecimal, upper case, with colons': 'printf %s "$S" | od -An -tx1 -w64 | tr " a-f" ":A-F"',
  octal: 'printf %s "$S" | od -An -to1 -w64',
  'decimal numbers': 'printf %s "$S" | od -An -tu1 -w64 | tr " " ","',
  escapes: 'printf %s "$S" | od -An -tx1 -w64 | sed "s/ /\\\\\\\\x/g"',
  'NUL between letters': 'printf %s "$S" | sed "s/./&\\x00/g"',
};

test.each(Object.entries(programs))('a program’s words: %s', (_what, script) => {
  const before = printed(script);
  const after = Buffer.from(masker.bytes(before)).toString();
  expect(after).toContain('***token***');
  expect(after.replaceAll(/\*{3}[a-z]+\*{3}/g, '').replaceAll(/[\s:,=\\x]/g, '').length).toBeLessThanOrEqual(22);
  expect(leaks(after, before.toString())).toBe(false);
});

/** Whether eight letters in a row of what would have been printed are still there. */
function leaks(after: string, before: string): boolean {
  const pieces = Array.from({ length: Math.max(before.length - 8, 0) }, (_, i) => before.slice(i, i + 8));
  return pieces.some(
    (piece) => /^[A-Za-z0-9+/]{8}$/.test(piece) && !'Authorization: Bearer'.includes(piece) && after.includes(piece),
  );
}

test.each([
  ['JSON', JSON.stringify({ a: VALUE, b: PEM })],
  ['JSON in JSON', JSON.stringify(JSON.stringify({ a: VALUE, b: PEM }))],
  ['JSON of ASCII', JSON.stringify(VALUE).replaceAll('ë', '\\u00eb') + PEM],
  ['an address', `https://x.example/?q=${encodeURIComponent(VALUE)}&r=${encodeURIComponent(PEM)}`],
  ['a form', new URLSearchParams({ a: VALUE, b: PEM }).toString()],
  ['HTML', VALUE.replaceAll('&', '&amp;') + PEM],
  ['UTF-16', Buffer.from(VALUE + PEM, 'utf16le').toString('latin1')],
])('values within %s', (_what, text) => {
  const after = Buffer.from(masker.bytes(Buffer.from(text, text.includes('\0') ? 'latin1' : 'utf8'))).toString();
  expect(after).toContain('***token***');
  expect(after.match(/\*\*\*pem\*\*\*/g)).toHaveLength(1);
  expect(after.length).toBeLessThan(100);
});

const eachByte = (form: (byte: number, at: number) => string) => Array.from(Buffer.from(VALUE), form).join('');
const hexOf = (byte: number) => byte.toString(16).padStart(2, '0');
const third = (form: (byte: number) => string) => (byte: number, at: number) =>
  at % 3 > 0 && byte < 128 ? String.fromCharCode(byte) : form(byte);

test.each([
  ['percent of some letters', eachByte(third((byte) => `%${hexOf(byte)}`))],
  [
    'escapes of JSON of some letters',
    [...VALUE].map((sign, at) => (at % 3 ? sign : `\\u00${hexOf(sign.charCodeAt(0))}`)).join(''),
  ],
  ['escapes of HTML of some', VALUE.replaceAll('&', '&#0038;').replaceAll('+', '&plus;').replaceAll('/', '&sol;')],
  ['decimal escapes with zeros', [...VALUE].map((sign) => `&#${`${sign.charCodeAt(0)}`.padStart(6, '0')};`).join('')],
  ['several kinds', eachByte((byte, at) => [`%${hexOf(byte)}`, `\\x${hexOf(byte)}`][at % 2]!)],
  ['decimals of three digits', eachByte((byte) => `${String(byte).padStart(3, '0')} `)],
  ['hexadecimal from behind', Buffer.from(VALUE).reverse().toString('hex')],
  ['hexadecimal with signs', eachByte((byte) => `${hexOf(byte)}-`)],
  ['zero widths between', [...VALUE].join('\u200b')],
  ['fixed spaces between', [...VALUE].join('\u00a0')],
  ['wide spaces between', [...VALUE].join('\u3000')],
  ['joiners and selectors between', [...VALUE].join('\u2060\ufe0f')],
  ['octal with a zero', eachByte((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).slice(1)],
  ['octal of three digits', eachByte((byte) => `0o${byte.toString(8).padStart(3, '0')} `)],
  ['octal as programs write it', eachByte((byte) => `0o${byte.toString(8)} `)],
  ['octal as C writes it', eachByte((byte) => `0${byte.toString(8)} `)],
  ['octal and nothing else', eachByte((byte) => `${byte.toString(8)} `)],
])('letters written each for itself: %s', (_what, text) => {
  for (const around of [text, `see ${text}`]) {
    expect(masker.text(around)).toMatch(/^(?:see )?\*\*\*token\*\*\*[ -]?$/);
    const stream = masker.stream();
    const pieces = [...Buffer.from(around)].map((byte) => Buffer.from(stream.push(Uint8Array.of(byte))));
    expect(Buffer.concat([...pieces, stream.end()]).toString()).toBe(masker.text(around));
  }
});

test('nothing that is drawn as nothing or as a space hides a value, and no other sign is passed over', () => {
  const missed: string[] = [];
  for (let code = 0x80; code <= 0xe0fff; code++) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const sign = String.fromCodePoint(code);
    if (/[\p{DI}\p{Z}]/u.test(sign) && masker.text([...VALUE].join(sign)) !== '***token***')
      missed.push(code.toString(16));
  }
  expect(missed).toEqual([]);
  for (const sign of ['é', 'â', 'Â', '\u2800', '\u2013', '灯', '。', '\u{1f600}', '\u{1d172}'])
    expect(masker.text([...VALUE].join(sign)), sign).not.toContain('***');
});

test('a long value is masked as one, in each encoding, and a part of it that is long enough, too', () => {
  const lines = Buffer.from(PEM).toString('base64').replaceAll(/.{76}/g, '$&\n');
  expect(masker.text(`<${lines}>`)).toBe('<***pem***==>');
  expect(masker.text(`<${Buffer.from(`a${PEM}`).toString('base64')}>`)).toMatch(/^<.{2}\*\*\*pem\*\*\*.{0,2}>$/);
  const diff = PEM.replaceAll(/^/gm, '+');
  expect(
    masker
      .text(diff)
      .replaceAll(/[^A-Za-z0-9]/g, '')
      .replaceAll('pem', ''),
  ).toMatch(/^BEGINPRIVATEKEY[A-Za-z0-9]{0,23}ENDPRIVATEKEY$/);
  expect(masker.text(PEM.slice(100, 260))).toContain('***pem***');
});

test('what is no secret stays as it is, the same bytes', () => {
  const text = Buffer.from(`Tr0ub4dor is a pass phrase; 词语 ${'x'.repeat(500)} Tr0ub4do`);
  expect(masker.bytes(text)).toBe(text);
  expect(maskerOf({}).text(VALUE)).toBe(VALUE);
});

test('wherever a stream is cut, it is masked as the whole is; little is held back', () => {
  const form = fc.constantFrom(
    VALUE,
    PEM,
    Buffer.from(VALUE).toString('base64'),
    Buffer.from(`ab${PEM}`).toString('hex'),
    'Tr0ub4',
    VALUE.slice(0, 12),
    VALUE.replaceAll(/[0-9r&+]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`),
    '%5',
    '&#x0',
    ' \n',
    '词',
    'plain text ',
  );
  const cuts = fc.array(fc.nat(400), { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(form, { maxLength: 6 }), cuts, (texts, sizes) => {
      const bytes = Buffer.from(texts.join(''));
      const stream = masker.stream();
      const out: Uint8Array[] = [];
      let [at, sent] = [0, 0];
      for (const size of [...sizes, bytes.length]) {
        const piece = stream.push(bytes.subarray(at, at + size));
        at = Math.min(at + size, bytes.length);
        sent += piece.length;
        out.push(Buffer.from(piece));
      }
      out.push(stream.end());
      expect(Buffer.concat(out).toString()).toBe(Buffer.from(masker.bytes(bytes)).toString());
      expect(sent).toBeLessThanOrEqual(bytes.length * 2 + 100);
    }),
  );
  const stream = masker.stream();
  expect(stream.push(Buffer.from('What is your name? ')).length).toBe(19);
});

test('what is logged is masked from the moment that secrets are known', () => {
  const lines: string[] = [];
  const log = new MaskedLog({ write: (line) => lines.push(line) });
  log.write('before');
  const masker = maskerOf({ token: VALUE });
  log.use({
    get masker() {
      // It says itself what is wrong with a secret.
      log.write('looking');
      return masker;
    },
  });
  log.write(JSON.stringify({ problem: `no ${VALUE} here` }));
  expect(lines).toEqual(['before', 'looking', '{"problem":"no ***token*** here"}']);
});

test('of bytes that were cut off anywhere, nothing of a value stands at the cut', () => {
  const text = `first ${VALUE} ${Buffer.from(VALUE).toString('base64')} ${PEM} last`;
  for (let at = 0; at <= text.length; at++) {
    const sure = Buffer.from(masker.sureOf(Buffer.from(text).subarray(0, at)));
    const told = masker.text(sure.toString());
    expect([at, told.replaceAll(/\*{3}\w+\*{3}/g, '')]).toEqual([
      at,
      expect.stringMatching(/^f?i?r?s?t? *=* *l?a?s?t?$/),
    ]);
    expect(at - sure.length).toBeLessThan(PEM.length + 100);
  }
});

test('time is linear, also where every byte may begin a secret', () => {
  const many = maskerOf({ a: 'abababababababababababab', b: VALUE });
  const bytes = Buffer.from('ab'.repeat(1 << 17));
  let steps = 0;
  const start = process.cpuUsage();
  for (; steps < 4; steps++) many.bytes(bytes);
  expect(process.cpuUsage(start).user).toBeLessThan(4_000_000);
});
