import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutDocument } from './cut-document.ts';
import type { CutDocument, ReadableText } from './passage.ts';

const OPTIONS = { target: 60, overlap: 12, most: 100_000, prefix: 'c:' };

function cut(text: string, more: Partial<ReadableText> = {}, options = OPTIONS): CutDocument {
  const answer = cutDocument({ text, format: 'markdown', title: '', lines: true, pages: [], ...more }, options);
  if (answer.kind !== 'done') throw new Error(answer.kind);
  return answer.document;
}

const texts = (document: CutDocument) => document.passages.map((passage) => passage.text);

/** Pieces of documents as people write them, with all that makes places hard to count. */
const fragments = fc.constantFrom(
  '# Guide',
  '## Install',
  '### 安装',
  'A short line.',
  'The worker keeps its passages. It never forgets one! Does it? No.',
  '这是一个测试文档。它有很多句子！真的吗？当然；我们继续。',
  'emoji 👩‍👩‍👧 and 🇩🇪 and é́ and 𠮷野家',
  '- one\n- two\n  - two a\n\n    still two a\n- three',
  '1. first\n2. second',
  '| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |\n| 7 | 8 |\n| 9 | 10 |\n| 11 | 12 |',
  '```ts\nconst a = 1;\n\n# no heading\nfunction f() {}\n```',
  '    indented code\n    more of it',
  '> quoted\n> # with a heading\n>\n> and more',
  '[ref]: https://example.com "title"',
  '<div>\nraw\n</div>',
  '---',
  '***',
  '',
  '   ',
  '\t',
  'x'.repeat(700),
  '长'.repeat(150),
  'word '.repeat(120),
  '-',
  '~~~\nunclosed',
  '\u00a0',
  '\ufeff',
  'tab\tbed\0nul',
);
const documents = fc
  .tuple(fc.array(fragments, { maxLength: 30 }), fc.constantFrom('\n', '\r\n', '\n\n', '\r\n\r\n'), fc.boolean())
  .map(([parts, glue, last]) => {
    const newline = glue.startsWith('\r') ? '\r\n' : '\n';
    return parts.map((part) => part.replaceAll('\n', newline)).join(glue) + (last ? newline : '');
  });

test('every line that is not blank stands in a passage, whatever the structure', () => {
  fc.assert(
    fc.property(documents, fc.constantFrom('markdown' as const, 'text' as const), (text, format) => {
      const { passages } = cut(text, { format });
      const covered = new Set<number>();
      for (const { startLine, endLine } of passages) {
        for (let line = startLine; line <= endLine; line++) covered.add(line);
      }
      for (const [at, line] of text.split('\n').entries()) {
        if (line.trim() !== '') expect(covered).toContain(at + 1);
      }
      // Not only the lines: every letter.
      const bytes = Buffer.from(text);
      let reached = 0;
      for (const { startByte, endByte } of passages) {
        if (startByte > reached) expect(bytes.subarray(reached, startByte).toString().trim()).toBe('');
        reached = Math.max(reached, endByte);
      }
      expect(bytes.subarray(reached).toString().trim()).toBe('');
    }),
    { numRuns: 300 },
  );
});

test('bytes and lines of a passage give back exactly its text', () => {
  fc.assert(
    fc.property(documents, fc.constantFrom('markdown' as const, 'text' as const), (text, format) => {
      const bytes = Buffer.from(text);
      for (const passage of cut(text, { format }).passages) {
        const slice = bytes.subarray(passage.startByte, passage.endByte).toString();
        expect(passage.text).toBe(slice.replaceAll('\0', '\ufffd'));
        expect(passage.startLine).toBe(lineAt(bytes, passage.startByte));
        expect(passage.endLine).toBe(lineAt(bytes, passage.endByte - 1));
      }
    }),
    { numRuns: 300 },
  );
});

const lineAt = (bytes: Buffer, at: number): number => bytes.subarray(0, at).filter((byte) => byte === 0x0a).length + 1;

test('passages begin in order, and their vectors are of the text as it is', () => {
  fc.assert(
    fc.property(documents, (text) => {
      const { passages } = cut(text);
      for (const [at, passage] of passages.entries()) {
        if (at > 0) expect(passage.startByte).toBeGreaterThan(passages[at - 1]!.startByte);
        expect(passage.embedded.endsWith(passage.text)).toBe(true);
        expect(passage.text.isWellFormed()).toBe(true);
      }
    }),
  );
});

test('what fits stays whole: a list, a table and a listing are not cut, and a heading goes with its text', () => {
  const table = '| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |';
  const code = '```\none\n\ntwo\n```';
  const text = `# Top\n\n${'Some words here. '.repeat(10)}\n\n## Next\n\n${table}\n\n${'More words here. '.repeat(8)}\n\n### Code\n\n${code}\n`;
  const document = cut(text);
  expect(document.title).toBe('Top');
  expect(texts(document).some((passage) => passage.includes(table))).toBe(true);
  expect(texts(document).some((passage) => passage.includes(code))).toBe(true);
  for (const passage of document.passages) expect(passage.text).not.toMatch(/#+ \w+$/);
  expect(document.passages.at(-1)).toMatchObject({ headings: ['Top', 'Next', 'Code'] });
});

test('a table that must be cut is cut between rows, and each piece is embedded with its head', () => {
  const rows = Array.from({ length: 40 }, (_, n) => `| row ${n} | value ${n} |`);
  const { passages } = cut(`| name | amount |\n|---|---|\n${rows.join('\n')}\n`);
  expect(passages.length).toBeGreaterThan(2);
  for (const passage of passages) {
    for (const line of passage.text.split('\n')) expect(line).toMatch(/^\|.*\|$/);
    expect(passage.embedded).toContain('| name | amount |');
  }
});

test('only a paragraph that is cut overlaps, and by whole sentences', () => {
  const sentence = (n: number) => `Sentence number ${n} says so.`;
  const text = Array.from({ length: 40 }, (_, n) => sentence(n)).join(' ');
  const { passages } = cut(text);
  expect(passages.length).toBeGreaterThan(2);
  for (const [at, passage] of passages.entries()) {
    expect(passage.text).toMatch(/^Sentence.*so\.$/s);
    if (at > 0) expect(passage.startByte).toBeLessThan(passages[at - 1]!.endByte);
  }
  const paragraphs = cut(Array.from({ length: 20 }, (_, n) => sentence(n).repeat(3)).join('\n\n')).passages;
  for (let at = 1; at < paragraphs.length; at++) {
    expect(paragraphs[at]!.startByte).toBeGreaterThanOrEqual(paragraphs[at - 1]!.endByte);
  }
});

test('Chinese is cut behind its own marks', () => {
  const { passages } = cut('每一句话都在这里结束。下一句话从这里开始！是这样吗？'.repeat(20), { format: 'text' });
  expect(passages.length).toBeGreaterThan(3);
  for (const passage of passages) expect(passage.text).toMatch(/[。！？]$/);
});

test('passages keep to their size, except by what cannot be parted', () => {
  const { passages } = cut(`${'words and more words, '.repeat(300)}\n\n${'字'.repeat(500)}\n\n${'z'.repeat(2000)}`);
  for (const passage of passages) expect(passage.text.length).toBeLessThanOrEqual(OPTIONS.target * 4);
});

test('a letter of several code points is not cut', () => {
  const family = '👩‍👩‍👧';
  const { passages } = cut(family.repeat(200), { format: 'text' });
  expect(passages.length).toBeGreaterThan(1);
  for (const passage of passages) expect(passage.text.replaceAll(family, '')).toBe('');
});

test('pages are not crossed, and lines are not told where they do not apply', () => {
  const first = 'The first page.\n';
  const { passages } = cut(`${first}The second page.`, { format: 'text', lines: false, pages: [0, first.length] });
  expect(passages.map(({ page, text, startLine, endLine }) => ({ page, text, startLine, endLine }))).toEqual([
    { page: 1, text: 'The first page.', startLine: 0, endLine: 0 },
    { page: 2, text: 'The second page.', startLine: 0, endLine: 0 },
  ]);
});

test('front matter gives the title and is no heading', () => {
  const document = cut('---\ntitle: "The plan"\nauthor: x\n---\n\n# Other\n\ntext\n');
  expect(document.title).toBe('The plan');
  expect(document.passages[0]).toMatchObject({ headings: [], startLine: 1 });
});

test('a document of too many passages is refused before it is kept', () => {
  const document = { text: 'one two\n\n'.repeat(1000), format: 'text', title: '', lines: true, pages: [] } as const;
  expect(cutDocument(document, { ...OPTIONS, most: 3 })).toEqual({ kind: 'tooMany' });
});

test('quotations nested by the thousand are still cut', () => {
  const { passages } = cut(`${'> '.repeat(20_000)}deep\n\nafter\n`);
  expect(passages.at(-1)!.text).toContain('after');
});
