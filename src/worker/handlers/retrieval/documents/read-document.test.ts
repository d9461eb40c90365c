import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { DocumentSchema } from '../../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import type { DocumentParser } from '../../../documents/document.ts';
import { EMPTY } from '../../../documents/parsed.ts';
import { textOfDocument } from './document-text.ts';
import { LazyParser } from './lazy-parser.ts';
import { textTypeOf } from './text-type.ts';

const never = new AbortController().signal;
const none = new LazyParser(undefined);
const read = (id: string, value: string | Uint8Array, mediaType = '') => {
  const body = typeof value === 'string' ? { case: 'text' as const, value } : { case: 'data' as const, value };
  return textOfDocument(create(DocumentSchema, { id, mediaType, body }), 't', none, never);
};

test('the kind is that which is said, else that of the content, else that of the name', () => {
  const kind = (said: string, id: string, begin = '') => textTypeOf(said, id, begin).kind;
  expect(kind('text/markdown; charset=utf-8', 'a.txt')).toBe('markdown');
  expect(kind('', 'README.MD')).toBe('markdown');
  expect(kind('', 'a.txt', '%PDF-1.7')).toBe('pdf');
  expect(kind('', 'a', ' <!DOCTYPE html><p>')).toBe('html');
  expect(kind('', 'main.rs')).toBe('text');
  expect(kind('application/ld+json', 'a')).toBe('text');
  expect(() => kind('image/png', 'a.md')).toThrow(expect.objectContaining({ reason: 'DOCUMENT_UNREADABLE' }));
});

test('bytes are read in the charset that is said or marked, and else left to the parser', async () => {
  const utf16 = Buffer.from('\ufeff中文', 'utf16le');
  expect((await read('a', utf16)).text).toBe('\ufeff中文');
  expect((await read('a', Buffer.from([0xd6, 0xd0]), 'text/plain; charset="GBK"')).text).toBe('中');
  for (const [bytes, type, problem] of [
    [Buffer.from([0xd6, 0xd0]), '', /reads text in UTF-8 only/],
    [Buffer.from('x'), 'text/plain; charset=nonsense', /nonsense is unknown/],
    [Buffer.from([0xff]), 'text/plain; charset=utf-8', /not text in utf-8/],
  ] as const) {
    await expect(read('a', bytes, type)).rejects.toMatchObject({
      reason: 'DOCUMENT_UNREADABLE',
      message: expect.stringMatching(problem),
    });
  }
});

test('text that is not UTF-8 is read by the parser, which must be sure of its charset', async () => {
  const asked: object[] = [];
  const parser = new LazyParser(async () => ({
    parse: async (input) => {
      asked.push({ mediaType: input.mediaType, charset: input.charset, sureCharset: input.sureCharset });
      return { ...EMPTY, text: '中' };
    },
    close: async () => {},
  }));
  const body = { case: 'data' as const, value: Buffer.from([0xd6, 0xd0]) };
  const document = create(DocumentSchema, { id: 'a.md', body });
  expect(await textOfDocument(document, 't', parser, never)).toMatchObject({
    text: '中',
    format: 'markdown',
    lines: true,
  });
  expect(asked).toEqual([{ mediaType: 'text/plain', charset: undefined, sureCharset: true }]);
});

test('a PDF of plain ASCII that came as text is read as the same bytes', async () => {
  const asked: [string, Uint8Array][] = [];
  const parse: DocumentParser['parse'] = async ({ mediaType, bytes }) => {
    asked.push([mediaType, bytes]);
    return { ...EMPTY, text: 'page 1' };
  };
  const parser = new LazyParser(async () => ({ parse, close: async () => {} }));
  const document = create(DocumentSchema, { id: 'a.pdf', body: { case: 'text', value: '%PDF-1.4\n1 0 obj' } });
  expect((await textOfDocument(document, 't', parser, never)).text).toBe('page 1');
  expect(asked).toEqual([['application/pdf', Buffer.from('%PDF-1.4\n1 0 obj')]]);
});

test.each([
  ['pages', /more than the 2000 pages/],
  ['characters', /more text than is read/],
  ['size', /more tags than are read/],
] as const)('a document that met the limit of %s says which', async (limit, problem) => {
  const parse = async () => ({ ...EMPTY, text: 'x', limit, truncated: true });
  const parser = new LazyParser(async () => ({ parse, close: async () => {} }));
  const document = create(DocumentSchema, { id: 'a.pdf', body: { case: 'data', value: Buffer.from('%PDF-1.7') } });
  await expect(textOfDocument(document, 't', parser, never)).rejects.toThrow(problem);
});

test('the parser of HTML and PDF is opened by the first of them, and again when that failed', async () => {
  let opened = 0;
  let closed = 0;
  const parser: DocumentParser = {
    parse: async ({ owner, mediaType }) => ({
      ...EMPTY,
      title: 'T',
      text: `${owner} ${mediaType}`,
      pages: [{ number: 1, offset: 0 }],
    }),
    close: async () => {
      closed++;
    },
  };
  const lazy = new LazyParser(async () => {
    if (++opened === 1) throw new Error('not yet');
    return parser;
  });
  const page = create(DocumentSchema, { id: 'a.html', body: { case: 'text', value: '<p>' } });
  const file = create(DocumentSchema, { id: 'a.pdf', body: { case: 'data', value: Buffer.from('%PDF-1.7') } });
  await textOfDocument(create(DocumentSchema, { id: 'a', body: { case: 'text', value: 'x' } }), 't', lazy, never);
  expect(opened).toBe(0);
  await expect(textOfDocument(page, 't', lazy, never)).rejects.toThrow('not yet');
  expect(await textOfDocument(page, 't', lazy, never)).toMatchObject({
    format: 'markdown',
    text: 't text/html',
    title: 'T',
    lines: false,
    pages: [],
  });
  expect(await textOfDocument(file, 't', lazy, never)).toMatchObject({
    format: 'text',
    mediaType: 'application/pdf',
    pages: [0],
  });
  expect(opened).toBe(2);
  await lazy.close();
  expect(closed).toBe(1);
});
