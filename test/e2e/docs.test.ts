// Documents from end to end with the real programs: `docs add` of this repository's own docs/, then questions about facts in
// them, answered with file and lines through jobs of embed and retrieval that `runs show` lists.
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { AppError } from '../../src/base/errors.ts';
import { makePage, makePdf } from '../support/make-pdf.ts';
import { ROOT, Stack } from '../support/stack.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

let stack: Stack;
beforeAll(async () => {
  stack = await Stack.create();
  cpSync(join(ROOT, 'docs'), stack.docs, { recursive: true });
  stack.write(
    'docs/harbour.md',
    '# The harbour\n\nIt opens at six.\n\nThe lighthouse keeper is called Amelie Brandt.\n',
  );
  stack.write('docs/码头.md', '# 码头\n\n码头每天六点开放。\n\n灯塔管理员名叫王小明。\n');
  await stack.up();
});
afterAll(() => stack?.close());

const cli = async (...words: string[]) => {
  const end = await stack.cli(words, { withinMs: 110_000 });
  expect(end.code, end.stderr).toBe(0);
  return end;
};
const json = async (...words: string[]) => JSON.parse((await cli(...words, '--json')).stdout);

interface Source {
  path: string;
  startLine: number;
  endLine: number;
  collection: string;
}

/** Whether a source names exactly the line of a text. */
const names = (source: Source, path: string, text: string): boolean => {
  const line =
    readFileSync(join(stack.dir, path), 'utf8')
      .split('\n')
      .findIndex((each) => each.includes(text)) + 1;
  return source.path === path && source.startLine <= line && line <= source.endLine;
};

test('documents are added with what leaves said first and written down, and again nothing is embedded', async () => {
  const added = await cli('docs', 'add', stack.docs);
  expect(added.stderr).toMatch(/sharing \d+ files .* with rules, local, for the collection docs/);
  expect(added.stdout).toMatch(/^docs: \d+ added; \d+ passages, \d+ embedded\n$/);
  const egress = await json('egress', 'ls', '-n', '1000');
  expect(egress.filter(({ field }: { field: string }) => field === 'document').length).toBeGreaterThan(5);
  const again = await cli('docs', 'add', stack.docs);
  expect(again.stdout).toMatch(/^docs: \d+ unchanged; \d+ passages, 0 embedded\n$/);
  const [collection] = await json('docs', 'ls');
  expect(collection).toMatchObject({ name: 'docs', lexical: true });
  const ids = (await json('docs', 'ls', 'docs', '-n', '1000')).map(({ id }: { id: string }) => id);
  expect(ids).toEqual(expect.arrayContaining(['docs/harbour.md', 'docs/码头.md', 'docs/limits.md']));
});

test.each([
  ['What is the lighthouse keeper called?', 'Amelie Brandt', 'docs/harbour.md', 'Amelie'],
  ['灯塔管理员叫什么名字？', '王小明', 'docs/码头.md', '王小明'],
])('an ask about a fact in them cites file and lines: %s', async (question, fact, path, line) => {
  const { answer, sources, id: runId } = await json('ask', question);
  expect(answer).toContain(fact);
  expect(
    sources.some((source: Source) => names(source, path, line)),
    JSON.stringify(sources),
  ).toBe(true);
  const { jobs } = await json('runs', 'show', runId);
  const methods = jobs.map(({ method, state }: { method: string; state: string }) => [method, state]);
  expect(methods).toContainEqual(['bowline.capability.retrieval.v1.RetrievalService/Search', 'done']);
  expect(methods).toContainEqual(['bowline.capability.embed.v1.EmbedService/Embed', 'done']);
  const plain = (await cli('ask', question)).stdout;
  expect(plain).toMatch(new RegExp(`${path}:\\d+.* \\(collection docs\\)`));
});

test('the advice for a collection of another model works as it is printed', async () => {
  const { message } = new AppError('COLLECTION_OTHER_MODEL', { collection: 'docs', has: 'a', wanted: 'b' });
  const words = /`bowline (docs re-embed docs)`/.exec(message)?.[1]?.split(' ') ?? [];
  expect((await cli(...words)).stdout).toMatch(/^docs: has the vectors of \S+\n$/);
  expect(await json('docs', 're-embed')).toMatchObject([{ collection: 'docs', embedded: 0 }]);
  const unknown = await stack.cli(['docs', 're-embed', 'nothing-of-the-kind']);
  expect([unknown.code, unknown.stderr]).toEqual([6, expect.stringContaining('(COLLECTION_UNKNOWN)')]);
});

test('a changed document replaces what was known of it, and what is removed is not found any more', async () => {
  const asked = () => cli('ask', 'What is the lighthouse keeper called?');
  expect((await asked()).stderr).not.toContain('since it was added');
  stack.write('docs/harbour.md', '# The harbour\n\nThe lighthouse keeper is called Bruno Castelli.\n');
  const stale = await asked();
  expect(stale.stdout).toContain('Amelie Brandt');
  const advice = /docs\/harbour\.md changed since it was added: `bowline ([^`]+)` adds it anew/.exec(stale.stderr);
  expect((await cli(...(advice?.[1]?.split(' ') ?? []))).stdout).toContain('1 replaced');
  expect((await asked()).stderr).not.toContain('since it was added');
  const { answer } = await json('ask', 'What is the lighthouse keeper called?');
  expect(answer).toContain('Bruno Castelli');
  expect(answer).not.toContain('Amelie');
  await cli('docs', 'rm', 'docs', 'docs/harbour.md');
  const found = await json('docs', 'search', 'lighthouse keeper called Bruno');
  expect(JSON.stringify(found.passages)).not.toContain('Bruno');
  const without = await json('ask', '--no-docs', '灯塔管理员叫什么名字？');
  expect(without.sources.filter(({ collection }: Source) => collection !== '')).toEqual([]);
  await cli('docs', 'rm', 'docs');
  expect(await json('docs', 'ls')).toEqual([]);
});

test('what cannot be read is named and the rest is added; what is gone is told, and taken out with --sync', async () => {
  const folder = join(stack.docs, 'birds');
  mkdirSync(folder);
  stack.write('docs/birds/a.md', 'The dunlin note.\n');
  stack.write('docs/birds/b.md', 'The harrier list.\n');
  stack.write('docs/birds/c.md', 'The whinchat list.\n');
  writeFileSync(
    join(folder, 'gbk.txt'),
    Buffer.from('us/NrLXE1tXWucjVxtrKx8bf1MLLxMjVoaO4utTwyMvOqsDuwNehow==', 'base64'),
  );
  writeFileSync(join(folder, 'large.log'), Buffer.alloc(5_000_000, 'x'));
  const add = (...words: string[]) =>
    stack.cli(['docs', 'add', folder, '--to', 'birds', ...words], { withinMs: 110_000 });
  const added = await add();
  expect(added.code).toBe(8);
  expect(added.stderr).toMatch(/docs\/birds\/large\.log: .*larger.*\(FILE_TOO_LARGE\)/);
  expect(added.stdout).toMatch(/^birds: 4 added/);
  expect(JSON.stringify((await json('docs', 'search', '终止日期', '--in', 'birds')).passages)).toContain('七月四日');

  rmSync(join(folder, 'large.log'));
  rmSync(join(folder, 'a.md'));
  renameSync(join(folder, 'b.md'), join(folder, 'renamed.md'));
  const told = await add();
  expect(told.code).toBe(0);
  expect(told.stderr).toMatch(/2 documents of birds still answer/);
  expect(told.stderr).toMatch(
    /docs\/birds\/a\.md\n.*docs\/birds\/b\.md \(its content is now docs\/birds\/renamed\.md\)/,
  );
  expect((await add('--sync')).stdout).toMatch(/2 documents removed/);
  const ids = (await json('docs', 'ls', 'birds')).map(({ id }: { id: string }) => id);
  expect(ids.sort()).toEqual(['docs/birds/c.md', 'docs/birds/gbk.txt', 'docs/birds/renamed.md']);
});

test('what is left out is told by its reason, a document that is not there is an error, and patterns leave out', async () => {
  const folder = join(stack.docs, 'mixed');
  mkdirSync(join(folder, 'drafts'), { recursive: true });
  stack.write('docs/mixed/plan.md', 'The plover plan.\n');
  stack.write('docs/mixed/drafts/draft.md', 'The plover draft.\n');
  stack.write('docs/mixed/.bowlineignore', 'private.md\n');
  stack.write('docs/mixed/private.md', 'The plover secret.\n');
  const picture = Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de', 'hex');
  for (const name of ['a.png', 'b.png', 'c.png', 'd.png']) writeFileSync(join(folder, name), picture);
  writeFileSync(join(folder, 'scan.pdf'), makePage(''));
  writeFileSync(join(folder, 'report.pdf'), makePdf(['The plover report.']));
  const add = (...words: string[]) =>
    stack.cli(['docs', 'add', folder, '--to', 'mixed', ...words], { withinMs: 110_000 });
  const added = await add('--exclude', 'drafts/');
  expect([added.code, added.stdout]).toEqual([8, expect.stringMatching(/^mixed: 2 added, 4 failed/)]);
  expect(added.stderr).toMatch(
    /not added: 4 files: .*it is a picture \(PNG\) \(DOCUMENT_NOT_TEXT\)\n.*a\.png, .*c\.png and 1 more/,
  );
  // Its text was looked for on the box, so it did not leave.
  expect(added.stderr).toMatch(/scan\.pdf: .*1 of 1 pages hold no text; text in pictures is not read/);
  expect((await add('--verbose')).stderr).toMatch(/\n {2}docs\/mixed\/d\.png\n/);
  const ids = (await json('docs', 'ls', 'mixed')).map(({ id }: { id: string }) => id);
  expect(ids.sort()).toEqual(['docs/mixed/drafts/draft.md', 'docs/mixed/plan.md', 'docs/mixed/report.pdf']);

  const each = Array.from({ length: 70 }, (_, at) => stack.write(`docs/mixed/many/${at}.md`, `fact ${at}\n`));
  expect((await cli('docs', 'add', ...each, '--to', 'many')).stdout).toMatch(/^many: 70 added/);

  /** Exit code and reason; the listing that the error names shows what there is. */
  const gone = async (...words: string[]) => {
    const { code, stderr } = await stack.cli(['docs', 'rm', ...words]);
    const listing = /`bowline (docs ls[^`]*)`/.exec(stderr)?.[1];
    if (listing) expect(await cli(...listing.split(' '))).toMatchObject({ stdout: expect.stringContaining('mixed') });
    return [code, /\((\w+)\)/.exec(stderr)?.[1], listing];
  };
  expect(await gone('nope')).toEqual([6, 'COLLECTION_UNKNOWN', 'docs ls']);
  expect(await gone('mixed', 'nope.md')).toEqual([6, 'DOCUMENT_UNKNOWN', 'docs ls mixed']);
  expect(await gone('mixed', 'nope.md', 'docs/mixed/plan.md')).toEqual([8, 'DOCUMENT_UNKNOWN', 'docs ls mixed']);
  expect(await gone('mixed', 'docs/mixed/report.pdf')).toEqual([0, undefined, undefined]);
});

test('a shared document is quoted with its page, and lists of documents do not crowd the list of runs', async () => {
  writeFileSync(
    join(stack.docs, 'lease.pdf'),
    makePdf(['The lease.\nFirst page.', 'The rent of the flat is 900 euros.']),
  );
  const { answer, sources } = await json(
    'ask',
    '--no-docs',
    '--share',
    'lease.pdf',
    'How high is the rent of the flat?',
  );
  expect(answer).toContain('The rent of the flat is 900 euros.');
  expect(answer).toContain('docs/lease.pdf, page 2');
  expect(sources).toMatchObject([{ path: 'docs/lease.pdf', startLine: 4, page: 2 }]);

  await json('docs', 'ls');
  const listings = async (...words: string[]) =>
    (await json('runs', 'ls', ...words)).filter(({ text }: { text: string }) =>
      /List(Collections|Documents)/.test(text),
    );
  expect(await listings()).toEqual([]);
  expect((await listings('--all')).length).toBeGreaterThan(0);
  expect((await json('runs', 'ls', '-n', '1'))[0].text).toBe('How high is the rent of the flat?');
});
