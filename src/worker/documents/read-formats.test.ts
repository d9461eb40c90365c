import { zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { makeEpub, makeMail, makeOdt } from '../../../test/support/make-documents.ts';
import { makeDocx, zip } from '../../../test/support/make-docx.ts';
import { readDocument } from './read-document.ts';

async function read(bytes: Uint8Array, mediaType = '', maxChars = 100_000) {
  const result = await readDocument({ bytes, mediaType, readable: false, maxChars, sureCharset: true });
  return 'refused' in result ? `${result.refused}: ${result.problem}` : result.document;
}

test('an ODT is read with headings, lists, tables and spaces, without what was deleted or noted beside it', async () => {
  const body = [
    '<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>',
    '<text:h text:outline-level="2">第一章</text:h>',
    '<text:p>The <text:span>lease</text:span><text:s text:c="2"/>ends.<office:annotation><text:p>a note</text:p></office:annotation></text:p>',
    '<text:list><text:list-item><text:p>one</text:p></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>',
    '<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>1</text:p></table:table-cell></table:table-row></table:table>',
  ].join('');
  expect(await read(makeOdt(body))).toMatchObject({
    title: 'A title',
    text: '## 第一章\n\nThe lease  ends.\n\n- one\n- two\n\na | 1',
    truncated: false,
  });
  expect(await read(makeOdt('<text:p>long words</text:p>'), '', 4)).toMatchObject({ text: 'long', truncated: true });
});

test('notes of an ODT stand at its end, and what is no text is told: formulas, RTF', async () => {
  const note = (mark: string, text: string) =>
    `<text:note text:note-class="footnote"><text:note-citation>${mark}</text:note-citation><text:note-body><text:p>${text}</text:p></text:note-body></text:note>`;
  const body = `<text:h>Head</text:h><text:p>The lease${note('1', 'Since May.')} ends${note('2', '见附件')}.</text:p><text:p>After.</text:p>`;
  expect(await read(makeOdt(body))).toMatchObject({
    text: '# Head\n\nThe lease[1] ends[2].\n\nAfter.\n\n[1] Since May.\n\n[2] 见附件',
    warning: '',
  });
  const formula = '<manifest:file-entry manifest:media-type="application/vnd.oasis.opendocument.formula"/>';
  expect(await read(makeOdt('<text:p>x</text:p>', { 'META-INF/manifest.xml': formula }))).toMatchObject({
    text: 'x',
    warning: expect.stringMatching(/formulas/),
  });
  const docx = makeDocx('<w:p><w:r><w:t>Let</w:t></w:r><m:oMath><m:r><m:t>E</m:t></m:r></m:oMath></w:p>');
  expect(await read(docx)).toMatchObject({ text: 'Let', warning: expect.stringMatching(/formulas/) });
  for (const type of ['', 'text/plain', 'text/markdown', 'application/rtf'])
    expect(await read(Buffer.from('{\\rtf1\\ansi launch}'), type)).toMatch(/^type: RTF; save it as/);
});

test('an EPUB is read in the order of the book', async () => {
  const book = makeEpub(['<h1>Last</h1><p>The end.</p>', '<p>It <em>begins</em>.</p>']);
  expect(await read(book)).toMatchObject({
    title: 'A book',
    byline: 'Ada',
    text: 'It *begins*.\n\n# Last\n\nThe end.',
  });
});

test('an e-mail is read with its heads, and what is attached is named', async () => {
  const mail = makeMail([
    'Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nLe caf=E9.',
    'Content-Type: application/pdf; name="plan.pdf"\r\nContent-Disposition: attachment; filename="plan.pdf"\r\n\r\n%PDF',
  ]);
  const text =
    'From: René <rene@example.org>\nTo: Ada <ada@example.org>, bob@example.org\nDate: 2026-03-02T10:00:00.000Z\nSubject: 发布\n\nLe café.\n\nAttached:\n- plan.pdf';
  expect(await read(mail, 'message/rfc822')).toMatchObject({ text, title: '发布', warning: /named, not read/ });
  const html = makeMail(['Content-Type: text/html\r\n\r\n<p>Only <b>HTML</b></p>']);
  expect(await read(html, 'message/rfc822')).toMatchObject({ text: expect.stringContaining('Only **HTML**') });
});

const bomb = (name: string, more: Readonly<Record<string, Uint8Array>> = {}) =>
  zipSync({ ...more, [name]: new Uint8Array(300 << 20) }, { level: 9 });
const stored = (type: string) => ({ mimetype: Buffer.from(type) });

test.each([
  ['an ODT that is a bomb', () => bomb('content.xml'), 'application/vnd.oasis.opendocument.text', /^costly/],
  ['an EPUB that is a bomb', () => bomb('OEBPS/x.xhtml', stored('x')), 'application/epub+zip', /^costly/],
  ['a DOCX that is a bomb', () => bomb('word/document.xml'), '', /^costly/],
  [
    'a locked ODT',
    () => makeOdt('', { 'META-INF/manifest.xml': '<m:encryption-data/>' }),
    '',
    /locked with a password/,
  ],
  [
    'a protected EPUB',
    () => makeEpub(['<p>x'], { 'META-INF/encryption.xml': '<enc:CipherReference URI="OEBPS/text/0%20x.xhtml"/>' }),
    '',
    /locked with a password/,
  ],
  ['an EPUB without chapters', () => makeEpub([]), '', /^invalid: it is damaged/],
  ['a ZIP of anything', () => zip({ 'a.txt': 'x' }), '', /^type: an archive \(ZIP\); unpack it/],
  [
    'a picture called DOCX',
    () => Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de', 'hex'),
    'application/vnd.oasis.opendocument.text',
    /^type: a picture \(PNG\)/,
  ],
  [
    'a file of an old Office',
    () => Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(600)]),
    '',
    /old Office program/,
  ],
  ['an e-mail of nothing', () => Buffer.from('\r\n\r\n'), 'message/rfc822', /^invalid/],
] as const)('%s is refused with the reason', async (_, bytes, mediaType, problem) => {
  expect(await read(bytes(), mediaType)).toMatch(problem);
});

test('entities that stand for each other stay as they are, and deep nesting and ten thousand parts end', async () => {
  const entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>';
  expect(await read(makeOdt(`${entities}<text:p>see &b;</text:p>`))).toMatchObject({
    text: expect.stringMatching(/see &b;$/),
  });
  const deep = `${'<text:span>'.repeat(100_000)}deep${'</text:span>'.repeat(100_000)}`;
  expect(await read(makeOdt(`<text:p>${deep}</text:p>`))).toMatchObject({ text: 'deep' });
  const many = makeMail(Array.from({ length: 10_000 }, (_, at) => `Content-Type: text/plain\r\n\r\npart ${at}`));
  expect(await read(many, 'message/rfc822', 200_000)).toMatchObject({ text: expect.stringContaining('part 9999') });
  let nested = 'Content-Type: text/plain\r\n\r\ninnermost';
  for (let level = 0; level < 300; level++)
    nested = `Content-Type: multipart/mixed; boundary="n${level}"\r\n\r\n--n${level}\r\n${nested}\r\n--n${level}--`;
  expect(await read(makeMail([nested]), 'message/rfc822')).toMatch(/^invalid/);
}, 90_000);
