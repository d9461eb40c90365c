// Documents on a box: their text is read in the limited child, leaves under a grant of the file, and nothing else of them does.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { FsService, type ReadResponse } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { whyNotIsolated } from '../support/bubblewrap.ts';
import { edgeFolder, edgeRig } from '../support/edge-rig.ts';
import { makeDocx, paragraph } from '../support/make-docx.ts';
import { makePage, makePdf } from '../support/make-pdf.ts';

vi.setConfig({ testTimeout: 120_000 });

const why = await whyNotIsolated();
const { read, search } = FsService.method;
const PLAN = makePdf(['The launch budget is 4200.\nMaria leads it.', 'The launch is on 14 May.']);
const FILES = {
  'docs/plan.pdf': PLAN,
  'docs/letter.docx': makeDocx(paragraph('The contract ends on 3 March.')),
  'docs/page.html': '<!doctype html><title>x</title><p>The <b>harbour</b> opens at six.',
  'docs/gbk.txt': Buffer.from('us/NrLXE1tXWucjVxtrKx8bf1MLLxMjVoaO4utTwyMvOqsDuwNehow==', 'base64'),
  'docs/utf16.txt': Buffer.from('\ufeff第一行\n第二行\n', 'utf16le'),
  'docs/latin.txt': Buffer.from('Le caf\xe9 de la gare\n', 'latin1'),
};

test.skipIf(why)(`a shared document is read as its text, with lines and pages (${why ?? 'isolated'})`, async () => {
  const rig = await edgeRig(edgeFolder(FILES));
  const { run } = await rig.ask('read', Object.keys(FILES));
  const one = async (path: string, range: object = {}) => {
    const { messages, failure } = await rig.call(read, { path, ...range }, { run });
    return failure ?? messages[0]!;
  };
  const text = 'The launch budget is 4200.\nMaria leads it.\n\nThe launch is on 14 May.';
  expect(await one('docs/plan.pdf')).toMatchObject({ text, totalLines: 4, pages: { first: 1, starts: [4] } });
  expect(await one('docs/plan.pdf', { startLine: 4 })).toMatchObject({ firstLine: 4, pages: { first: 2, starts: [] } });
  expect(await one('docs/letter.docx')).toMatchObject({ text: 'The contract ends on 3 March.' });
  expect(((await one('docs/letter.docx')) as ReadResponse).pages).toBeUndefined();
  expect(await one('docs/page.html')).toMatchObject({ text: 'The **harbour** opens at six.' });
  expect(await one('docs/gbk.txt')).toMatchObject({ text: '合同的终止日期是七月四日。负责人为李雷。' });
  expect(await one('docs/utf16.txt', { startLine: 2 })).toMatchObject({ text: '第二行\n', totalLines: 2 });
  expect(await one('docs/latin.txt')).toMatchObject({ text: 'Le café de la gare\n' });
  const found = await rig.call(search, { terms: ['14 May', '合同'] }, { run });
  expect(found.messages[0]?.matches.map(({ file, line, text }) => [file?.path, line, text])).toEqual([
    ['docs/gbk.txt', 1, '合同的终止日期是七月四日。负责人为李雷。'],
    ['docs/plan.pdf', 4, 'The launch is on 14 May.'],
  ]);
  await rig.close();
});

test.skipIf(why)(
  'lines of a document are shared alone, and nothing of it without a grant or when it changed',
  async () => {
    const rig = await edgeRig(edgeFolder(FILES));
    const { run } = await rig.ask('read', ['docs/plan.pdf#L2']);
    const part = await rig.call(read, { path: 'docs/plan.pdf', startLine: 1, endLine: 4 }, { run });
    expect(part.messages[0]).toMatchObject({ text: 'Maria leads it.\n', firstLine: 2, totalLines: 0 });
    // How the pages lie before and after it is not shared.
    expect(part.messages[0]?.pages).toBeUndefined();
    const without = await rig.ask('what', []);
    const about = await rig.call(read, { path: 'docs/plan.pdf' }, { run: without.run });
    expect(about.messages[0]).toMatchObject({ text: '', totalLines: 0, file: { mediaType: 'application/pdf' } });
    writeFileSync(join(rig.dir, 'docs/plan.pdf'), makePdf(['Another plan.']));
    const changed = await rig.call(read, { path: 'docs/plan.pdf' }, { run });
    expect(changed.messages[0]?.text).toBe('');
    await rig.close();
  },
);

test.skipIf(why)('what cannot be read is left out with its true reason, and the rest is shared', async () => {
  const rig = await edgeRig(
    edgeFolder({
      'docs/plan.pdf': PLAN,
      'docs/scan.pdf': makePage(''),
      'docs/broken.pdf': Buffer.from('%PDF-1.7\nnothing follows'),
      'docs/pic.txt': Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de', 'hex'),
      'docs/key.docx': makeDocx(paragraph('-----BEGIN RSA PRIVATE KEY-----')),
    }),
  );
  const left: string[] = [];
  const report = { left: (path: string, error: Error) => void left.push(`${path}: ${error.message}`) };
  const files = await rig.shares.resolve([{ pattern: 'docs/*' }], report, { text: true });
  expect(files.map(({ path }) => path)).toEqual(['docs/plan.pdf']);
  expect(left).toEqual([
    'docs/broken.pdf: the document cannot be read: it is damaged',
    expect.stringMatching(/^docs\/key\.docx: .*a private key/),
    'docs/pic.txt: it has no text that can be read: it is a picture (PNG)',
    'docs/scan.pdf: the document cannot be read: 1 of 1 pages hold no text; text in pictures is not read',
  ]);
  await rig.close();
});

test('where nothing isolates, documents are refused with what to do, or read in a plain child where that was accepted', async () => {
  const dir = edgeFolder(FILES);
  const weak = await edgeRig(dir, { config: 'document_isolation: process\n' });
  const accepted = await weak.shares.resolve([{ pattern: 'docs/plan.pdf' }], undefined, { text: true });
  expect(accepted).toMatchObject([{ path: 'docs/plan.pdf' }]);
  await weak.close();
  rmSync(join(dir, 'home/journal'), { recursive: true });
  if (!why) return;
  const rig = await edgeRig(dir);
  await expect(rig.shares.resolve([{ pattern: 'docs/plan.pdf' }], undefined, { text: true })).rejects.toMatchObject({
    reason: 'PARSER_UNAVAILABLE',
    message: expect.stringContaining('document_isolation: process'),
  });
  await rig.close();
});
