// Documents of strangers: HTML, PDF, DOCX, ODT, EPUB, e-mail and text in any charset. Each is read or refused, never thrown over; what is read has the
// form that the worker demands of its child, and costs time in proportion to its size.

import { FramedReader } from '../../src/base/framed-messages.ts';
import type { DocumentInput } from '../../src/worker/documents/document.ts';
import { encodeResult, toResult } from '../../src/worker/documents/messages.ts';
import { readDocument } from '../../src/worker/documents/read-document.ts';
import { makeEpub, makeMail, makeOdt } from '../support/make-documents.ts';
import { makeDocx, paragraph } from '../support/make-docx.ts';
import { makePage, makePdf } from '../support/make-pdf.ts';
import { cpuMs } from './cpu-ms.ts';
import { type Fuzz, type Random, randomOf } from './fuzz.ts';

const KIB = 1024;
/** For a document of nothing, and for each KiB of it. */
const BASE_MS = 1500;
const KIB_MS = 20;
const MOST_MEMORY = 400 << 20;

/** As the process that reads documents does: pdf.js leaves some of its promises to nobody. Returns how to hear of them again. */
function ignoreStrayRejections(): () => void {
  const event = 'unhandledRejection';
  const others = process.listeners(event);
  const ignore = () => {};
  process.removeAllListeners(event).on(event, ignore);
  return () => {
    process.off(event, ignore);
    for (const each of others) process.on(event, each);
  };
}

/** A fuzzer of one kind of document. */
function documentsFuzz(
  name: string,
  make: (random: Random) => Pick<DocumentInput, 'bytes' | 'mediaType' | 'charset'>,
): Fuzz {
  return {
    name,
    open: async () => {
      const heard = ignoreStrayRejections();
      // Its libraries are loaded by the first document, at their own cost.
      await readDocument({
        ...make(randomOf(1)),
        readable: true,
        maxChars: 1_000,
        url: 'https://a.example/x',
        sureCharset: false,
      });
      const before = process.memoryUsage().rss;
      return {
        round: async (random) => {
          const rest = { readable: random.chance(0.5), maxChars: 1 + random.int(100_000), url: 'https://a.example/x' };
          const input = { ...make(random), ...rest, sureCharset: random.chance(0.3) };
          const began = cpuMs();
          const result = await readDocument(input);
          const took = cpuMs() - began;
          const [message] = new FramedReader(64 << 20).add(Buffer.from(encodeResult(result))) ?? [];
          const taken = message && toResult(message);
          if (!taken) throw new Error('the worker would not take this answer');
          if ('document' in taken && taken.document.text.length > input.maxChars)
            throw new Error('more text than asked for');
          if (took > BASE_MS + (KIB_MS * input.bytes.length) / KIB) {
            throw new Error(`${Math.round(took)} ms of the processor for ${input.bytes.length} bytes`);
          }
        },
        close: async () => {
          // They are told when the event loop turns.
          await new Promise((resolve) => setImmediate(resolve));
          heard();
          const grown = process.memoryUsage().rss - before;
          if (grown > MOST_MEMORY) throw new Error(`${Math.round(grown / 1e6)} MB more than before`);
        },
      };
    },
  };
}

const TAGS = [
  ...['p', 'div', 'table', 'tr', 'td', 'ul', 'li', 'a', 'select', 'option', 'svg', 'math', 'annotation', 'template'],
  ...[
    'noscript',
    'dialog',
    'title',
    'script',
    'style',
    'pre',
    'code',
    'h1',
    'ol',
    'iframe',
    'canvas',
    'video',
    'article',
  ],
  ...[
    'text',
    'foreignObject',
    'meta',
    'base',
    'link',
    'body',
    'html',
    'head',
    'frameset',
    'noframes',
    'textarea',
    'br',
  ],
];
const ATTRIBUTES = [
  ...[
    'href="/x"',
    'href="javascript:x"',
    'shadowrootmode=open',
    'encoding="application/x-tex"',
    'alttext="a"',
    'hidden',
  ],
  ...[
    'charset=gbk',
    'style="display:none"',
    'role=dialog',
    'title="<p>"',
    'class=a',
    'start=99999999999',
    "a='",
    'lang=zh',
  ],
];
const WORDS = [
  'words of it, ',
  '&amp;',
  '&#0;',
  '&#x110000;',
  '<!--',
  '-->',
  ']]>',
  '图',
  '\ud83d',
  '<',
  '>',
  '|',
  '\n',
  '`',
];

const htmlOf = (random: Random): string => {
  const part = () => {
    const kind = random.int(10);
    if (kind < 4) return `<${random.pick(TAGS)}${random.chance(0.4) ? ` ${random.pick(ATTRIBUTES)}` : ''}>`;
    return kind < 6 ? `</${random.pick(TAGS)}>` : random.pick(WORDS);
  };
  const parts = Array.from({ length: random.int(120) }, part).join('');
  return random.chance(0.2) ? parts.repeat(1 + random.int(40)) : parts;
};

export const parseHtmlFuzz = documentsFuzz('parse-html', (random) => ({
  bytes: Buffer.from(htmlOf(random)),
  mediaType: 'text/html',
}));

const GOOD = [
  makePdf(['Hello one\nline two', 'Second-\nhalf']),
  makePage('BT /F1 12 Tf 72 700 Td (Order) Tj ET', {
    more: '/Annots [6 0 R 7 0 R]',
    objects: [
      '<< /Type /Annot /Subtype /Widget /FT /Tx /T (n) /V (filled) /Rect [0 0 9 9] >>',
      '<< /Type /Annot /Subtype /Text /Contents (note) /Rect [0 0 9 9] >>',
    ],
  }),
  makePage('BT /F1 12 Tf 72 700 Td <5408540c> Tj ET', {
    font: '<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 0 >> >>] >>',
  }),
];
const PDF_WORDS = [
  '/Kids [2 0 R]',
  '/Count 99999999',
  '0 R',
  '<<',
  '>>',
  '-1',
  'Identity-H',
  'stream',
  '/../x',
  '[[[[',
  '9e99',
];

export const parsePdfFuzz = documentsFuzz('parse-pdf', (random) => ({
  bytes: damaged(random, random.pick(GOOD), PDF_WORDS),
  mediaType: 'application/pdf',
}));

const DOCX = makeDocx(paragraph('Head', 'Heading1') + paragraph('words'));

export const parseDocxFuzz = documentsFuzz('parse-docx', (random) => ({
  bytes: damaged(random, DOCX, ['<w:p>', '</w:p>', '<!DOCTYPE x [<!ENTITY a "b">]>', '&a;', 'PK\x01\x02', '\0\0\0\0']),
  mediaType: '',
}));

const ODT = makeOdt('<text:h text:outline-level="1">Head</text:h><text:p>words<text:s text:c="3"/>more</text:p>');

export const parseOdtFuzz = documentsFuzz('parse-odt', (random) => ({
  bytes: damaged(random, ODT, [
    '<text:p>',
    '</text:p>',
    '<text:list>',
    '<text:s text:c="999999999"/>',
    '&a;',
    'PK\x01\x02',
    '\0\0\0\0',
  ]),
  mediaType: 'application/vnd.oasis.opendocument.text',
}));

const EPUB = makeEpub(['<p>one</p>', '<h1>two</h1>']);

export const parseEpubFuzz = documentsFuzz('parse-epub', (random) => ({
  bytes: damaged(random, EPUB, [
    '<itemref idref="c0"/>',
    'href="../../x"',
    '%zz',
    '<p>',
    'PK\x01\x02',
    '\xff\xff\xff\xff',
  ]),
  mediaType: 'application/epub+zip',
}));

const MAIL_WORDS = [
  '\r\n--b\r\n',
  '--b--',
  'Content-Type: multipart/mixed; boundary="b"\r\n\r\n',
  '=?utf-8?B?',
  'Content-Type: message/rfc822\r\n\r\n',
  '=E',
  '\r\n\r\n',
];

export const parseMailFuzz = documentsFuzz('parse-mail', (random) => ({
  bytes: damaged(
    random,
    makeMail(
      Array.from(
        { length: 1 + random.int(20) },
        (_, at) => `Content-Type: text/${random.pick(['plain', 'html'])}\r\n\r\npart ${at}`,
      ),
    ),
    MAIL_WORDS,
  ),
  mediaType: 'message/rfc822',
}));

/** A good file with some of its bytes changed, left out or put in. */
function damaged(random: Random, good: Uint8Array, words: readonly string[]): Uint8Array {
  let bytes = Buffer.from(good);
  for (let left = random.int(8); left > 0; left--) {
    const at = random.int(bytes.length + 1);
    const to = random.chance(0.7) ? at + random.int(12) : at + random.int(bytes.length);
    const put = random.chance(0.5) ? Buffer.from(random.pick(words)) : Buffer.from(random.bytes(random.int(12)));
    bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(Math.min(to, bytes.length))]);
  }
  return bytes;
}

const LABELS = [undefined, 'utf-8', 'gbk', 'x-nonsense', 'utf-16le', '"shift_jis"', 'iso-2022-jp', '', 'a'.repeat(40)];
const HEADS = [
  '',
  '<meta charset=koi8-r>',
  '<!-- <meta charset=big5> -->',
  '<?xml version="1.0" encoding="euc-kr"?>',
  '\ufeff',
];

export const parseCharsetFuzz = documentsFuzz('parse-charset', (random) => {
  const some = random.bytes(random.int(2000)).map((byte) => (byte === 0 ? 32 : byte));
  const many = random.chance(0.2) ? random.int(200) : 1;
  const head = Buffer.from(random.pick(HEADS));
  return {
    bytes: Buffer.concat([head, ...Array.from({ length: many }, () => some)]),
    mediaType: random.pick(['text/plain', 'text/html', 'application/xml', '']),
    charset: random.pick(LABELS),
  };
});
