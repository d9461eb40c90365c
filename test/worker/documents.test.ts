// What the parser of documents promises: hostile documents cost a bounded time, end as an error of their own, and the next one is read.
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import type { DocumentInput, DocumentParser } from '../../src/worker/documents/document.ts';
import { openParser } from '../../src/worker/documents/open-parser.ts';
import type { ParserLink, StartParser } from '../../src/worker/documents/parser-link.ts';
import { plainParser } from '../../src/worker/documents/parser-link.ts';
import { ParserPool } from '../../src/worker/documents/parser-pool.ts';
import { PARSER_DEFAULTS, type ParserSettings } from '../../src/worker/documents/parser-settings.ts';
import { makePdf } from '../support/make-pdf.ts';

const parts = { clock: systemClock, log: silentLogger };
const never = new AbortController().signal;
const html = (text: string, more: Partial<DocumentInput> = {}): DocumentInput => ({
  ...{
    bytes: Buffer.from(text),
    mediaType: 'text/html',
    readable: false,
    maxChars: 10_000,
    url: 'https://a.example/x/',
  },
  ...more,
});
const pdf = (bytes: Uint8Array): DocumentInput => html('', { bytes, mediaType: 'application/pdf' });
const reason = (reason: string) => expect.objectContaining({ reason });

describe.each(['bubblewrap', 'process'] as const)('in isolation by %s', (isolation) => {
  let parser: DocumentParser;
  beforeAll(async () => {
    parser = await openParser({ ...PARSER_DEFAULTS, isolation, memoryBytes: 256 << 20, documentMs: 15_000 }, parts);
  });
  afterAll(() => parser.close());

  const read = (input: DocumentInput) => parser.parse(input, never);
  const stillReads = async () => expect((await read(html('<p>next'))).text).toBe('next');

  test('HTML becomes Markdown', async () => {
    const page = await read(
      html('<title>T</title><h2>H</h2><ul><li>a<li>b</ul><table><tr><th>x<th>y<tr><td>1<td>2</table>'),
    );
    expect(page).toMatchObject({
      title: 'T',
      text: '## H\n\n- a\n- b\n\n| x | y |\n| --- | --- |\n| 1 | 2 |',
      truncated: false,
    });
  });

  test('scripts, frames and links to anything but the web are left out', async () => {
    const page = await read(
      html(
        '<p>a<script>alert(1)</script><iframe src=x>b</iframe><a href="javascript:alert(1)">c</a><a href="data:text/html,x">d</a><img src="https://t.example/pixel" alt="e"> <a href="../f">f</a>',
      ),
    );
    expect(page.text).toBe('acde [f](https://a.example/f)');
    expect(page.links).toEqual([{ url: 'https://a.example/f', text: 'f' }]);
  });

  test('a PDF becomes text with its pages', async () => {
    const page = await read(pdf(makePdf(['Hello one\nline two', 'Second\nline two'])));
    expect(page.text).toBe('Hello one\nline two\n\nSecond\nline two');
    expect(page.pages).toEqual([
      { number: 1, offset: 0 },
      { number: 2, offset: 20 },
    ]);
  });

  test.each([
    ['tags nested 100,000 deep', '<div>'.repeat(100_000)],
    ['tables nested 100,000 deep', '<table><tr><td>'.repeat(100_000)],
    ['an attribute of 5 MB', `<p title="${'a'.repeat(5_000_000)}">x`],
    ['100,000 attributes', `<p ${Array.from({ length: 100_000 }, (_, i) => `a${i}=1`).join(' ')}>x`],
    ['a million entities', '&amp;&lt;&#x41;'.repeat(333_000)],
    ['a million comments that never end', '<!--'.repeat(1_000_000)],
    ['a million tags that never end', '<a '.repeat(1_000_000)],
    ['100,000 table cells', `<table>${'<tr><td>x'.repeat(100_000)}`],
    ['200,000 paragraphs', '<p>x'.repeat(200_000)],
  ])('%s are read within bounds or refused', { timeout: 40_000 }, async (_, text) => {
    const outcome = await read(html(text, { readable: true })).then(
      ({ text }) => text,
      (error) => error.reason,
    );
    expect(typeof outcome === 'string' && outcome.length <= 10_000).toBe(true);
    await stillReads();
  });

  test.each([
    ['is damaged', Buffer.from('%PDF-1.7\nnothing of it is true')],
    ['is cut off', makePdf(['Hello\nline two']).subarray(0, 300)],
    [
      'refers to itself as its own page',
      Buffer.from(
        Buffer.from(makePdf(['Hello\nline two']))
          .toString('latin1')
          .replace('/Kids [4 0 R]', '/Kids [2 0 R]'),
        'latin1',
      ),
    ],
    [
      'says that it has a billion pages',
      Buffer.from(
        Buffer.from(makePdf(['Hello\nline two']))
          .toString('latin1')
          .replace('/Count 1', '/Count 1000000000'),
        'latin1',
      ),
    ],
  ])('a PDF that %s costs no more than itself', { timeout: 40_000 }, async (_, bytes) => {
    const outcome = await read(pdf(bytes)).then(
      ({ text }) => text,
      (error) => error.reason,
    );
    expect(['', 'Hello\nline two', 'DOCUMENT_INVALID', 'DOCUMENT_TOO_COSTLY']).toContain(outcome);
    await stillReads();
  });

  test('what is no text is told as that', async () => {
    await expect(read(html('x', { mediaType: 'image/png' }))).rejects.toEqual(reason('DOCUMENT_NOT_TEXT'));
    const zeros = { mediaType: 'text/plain', bytes: Buffer.from('a\0b') };
    await expect(read(html('', zeros))).rejects.toEqual(reason('DOCUMENT_NOT_TEXT'));
  });

  test('a document that takes all memory is refused, and the next one is read', { timeout: 40_000 }, async () => {
    // A plain process bounds its heap alone, which is half of it; the document itself lies beside it.
    const memoryBytes = (isolation === 'process' ? 40 : 96) << 20;
    const hostile = await openParser({ ...PARSER_DEFAULTS, isolation, memoryBytes }, parts);
    try {
      const huge = html('<p>a<b>b</b>'.repeat(2_500_000), { readable: true, maxChars: 4 << 20 });
      const outcome = await hostile.parse(huge, never).then(
        () => 'read',
        (error) => error.reason,
      );
      expect(outcome).toBe('DOCUMENT_TOO_COSTLY');
      expect((await hostile.parse(html('<p>next'), never)).text).toBe('next');
    } finally {
      await hostile.close();
    }
  });

  test('a canceled document ends its process and nothing else', async () => {
    const stop = new AbortController();
    const slow = parser.parse(html('<p>x'.repeat(200_000), { readable: true }), stop.signal);
    stop.abort(new Error('enough'));
    await expect(slow).rejects.toThrow('enough');
    await stillReads();
  });
});

describe('a process', () => {
  const settings: ParserSettings = { ...PARSER_DEFAULTS, isolation: 'process', documentMs: 15_000 };

  async function pool(more: Partial<ParserSettings>, start: StartParser = plainParser(settings)) {
    const links: ParserLink[] = [];
    const counted: StartParser = (see) => {
      const link = start(see);
      links.push(link);
      return link;
    };
    const opened = new ParserPool({ ...parts, settings: { ...settings, ...more }, start: counted });
    await opened.open();
    return { pool: opened, links };
  }

  /** What the process says of a document is held back: it is still at it, however fast the machine reads. */
  const slowly: StartParser = (see) =>
    plainParser(settings)((data) => {
      if (!Buffer.from(data).includes('"document"')) see(data);
    });

  test('that is killed in the middle of a document fails that one alone', async () => {
    let starts = 0;
    const { pool: parser, links } = await pool({ processes: 1 }, (see) =>
      (++starts === 2 ? slowly : plainParser(settings))(see),
    );
    const lost = parser.parse(html('<p>x'), never);
    // The first one was only tried.
    await expect.poll(() => links.length).toBe(2);
    links[1]!.kill();
    await expect(lost).rejects.toEqual(reason('DOCUMENT_TOO_COSTLY'));
    expect((await parser.parse(html('<p>next'), never)).text).toBe('next');
    await parser.close();
  });

  test('that takes longer than a document may is ended', async () => {
    const { pool: parser } = await pool({ processes: 1, documentMs: 300 }, slowly);
    await expect(parser.parse(html('<p>x'), never)).rejects.toEqual(reason('DOCUMENT_TOO_COSTLY'));
    await parser.close();
  });

  test('reads so many documents and no more, and none of another owner', async () => {
    const { pool: parser, links } = await pool({ processes: 1, documents: 3 });
    const read = (owner: string) => parser.parse(html('<p>x', { owner }), never);
    // The first one was only tried.
    expect(links).toHaveLength(1);
    for (let i = 0; i < 3; i++) await read('a');
    expect(links).toHaveLength(3);
    await read('b');
    expect(links).toHaveLength(3);
    await read('c');
    expect(links).toHaveLength(4);
    await parser.close();
  });

  test('that answers nonsense is not believed', async () => {
    const { pool: parser } = await pool({ processes: 1 }, (see) => {
      const link = plainParser(settings)((data) => {
        const text = Buffer.from(data).toString('latin1');
        see(text.includes('"document"') ? Buffer.from(text.replace('"title"', '"titel"'), 'latin1') : data);
      });
      return link;
    });
    await expect(parser.parse(html('<p>x'), never)).rejects.toEqual(reason('DOCUMENT_TOO_COSTLY'));
    await parser.close();
  });

  test('in bubblewrap is refused where there is none', async () => {
    const missing = openParser({ ...PARSER_DEFAULTS, bubblewrap: '/nowhere/bwrap' }, parts);
    await expect(missing).rejects.toEqual(reason('PARSER_UNAVAILABLE'));
  });
});

test('the code that reads documents opens no file, socket or process itself', () => {
  const folder = new URL('../../src/worker/documents/', import.meta.url);
  const child = [
    'parser-child',
    'read-document',
    'read-html',
    'read-pdf',
    'read-docx',
    'join-lines',
    'prose',
    'clean-html',
    'to-markdown',
    'html-tree',
    'tree-node',
    'letters',
    'charset',
    'messages',
  ];
  const names = readdirSync(folder);
  for (const name of child) {
    expect(names).toContain(`${name}.ts`);
    expect(readFileSync(new URL(`${name}.ts`, folder), 'utf8')).not.toMatch(
      /from 'node:(?:fs|net|http|child_process|dns)/,
    );
  }
});
