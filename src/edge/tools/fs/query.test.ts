import { mkdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  FileClass,
  FsService,
  Measure,
  type QueryRequestSchema,
  QueryResponseSchema,
  TimeSpan,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';
import { anyCase } from '../../../base/any-case.ts';

const { query } = FsService.method;
type Asked = MessageInitShape<typeof QueryRequestSchema>;

/** What the owner is shown in the place of the mark that came back. */
async function factOf(rig: EdgeRig, request: Asked, run = 'mesh'): Promise<string> {
  const { messages, failure } = await rig.call(query, request, { run });
  expect(failure).toBeUndefined();
  const mark = messages[0]?.mark ?? '';
  const known = await rig.facts.lookUp({ run, conversation: '' }, [mark], (at) => rig.journal.entry(at));
  return known.get(mark) ?? '';
}

const FILES = {
  'docs/a.md': 'x'.repeat(2048),
  'docs/sub/b.MD': 'xx',
  'docs/sub/big.log': 'x'.repeat(5 << 20),
  'docs/sub/photo.jpeg': 'xxx',
  'docs/sub/报告.pdf': 'x'.repeat(10),
  'docs/main.ts': 'x',
};

test('counts, sizes, the largest and the newest are exact, in both languages', async () => {
  const rig = await edgeRig(edgeFolder(FILES));
  utimesSync(join(rig.dir, 'docs/main.ts'), 2e9, 2e9);
  expect(await factOf(rig, {})).toBe('6 files');
  expect(await factOf(rig, { language: 'zh-CN' })).toBe('6 个文件');
  expect(await factOf(rig, { glob: '*.md', path: 'docs/sub' })).toBe('no files');
  expect(await factOf(rig, { classes: [FileClass.MARKDOWN] })).toBe('2 files');
  expect(await factOf(rig, { classes: [FileClass.FOLDER] })).toBe('1 folder');
  expect(await factOf(rig, { classes: [FileClass.PDF, FileClass.IMAGE], measure: Measure.LIST })).toBe(
    '- docs/sub/photo.jpeg\n- docs/sub/报告.pdf',
  );
  expect(await factOf(rig, { name: '报告', measure: Measure.LIST, language: 'zh' })).toBe('docs/sub/报告.pdf');
  expect(await factOf(rig, { measure: Measure.LARGEST, most: 1 })).toBe('docs/sub/big.log (5 MB)');
  expect(await factOf(rig, { measure: Measure.SMALLEST, most: 2, language: 'zh' })).toBe(
    '- docs/main.ts（1 字节）\n- docs/sub/b.MD（2 字节）',
  );
  expect(await factOf(rig, { measure: Measure.NEWEST, most: 1 })).toMatch(/^docs\/main\.ts \(2033-05-18 \d\d:33\)$/);
  expect(await factOf(rig, { measure: Measure.TOTAL_SIZE })).toBe('5 MB (5,244,944 bytes, 6 files)');
  expect(await factOf(rig, { minBytes: 1024n })).toBe('2 files');
  expect(await factOf(rig, { maxBytes: 2n, measure: Measure.BY_KIND })).toBe('- code: 1 file\n- text: 1 file');
  expect(await factOf(rig, { measure: Measure.BY_FOLDER })).toBe('- docs/sub: 4 files\n- docs: 2 files');
  expect(await factOf(rig, { measure: Measure.LIST, most: 2 })).toBe('- docs/a.md\n- docs/main.ts\n- and 4 more');
  await rig.close();
});

test('a file is meant by its place below the root, with the name of the root, and from the root of the disk on', async () => {
  const rig = await edgeRig(edgeFolder({ ...FILES, 'docs/docs/a.md': 'xx', 'docs/{b}.md': 'xxx' }));
  const size = (glob: string) => factOf(rig, { glob, measure: Measure.TOTAL_SIZE });
  for (const glob of ['**/sub/b.MD', '**/docs/sub/b.MD', 'docs/sub/b.MD', join(rig.dir, 'docs/sub/b.MD')])
    expect(await size(glob), glob).toBe('2 bytes (1 file)');
  expect(await size(anyCase(join(rig.dir, 'DOCS/sub/B.md')))).toBe('2 bytes (1 file)');
  expect(await size(anyCase('docs/{b}.md'))).toBe('3 bytes (1 file)');
  expect(await factOf(rig, { glob: 'docs/*' })).toBe('4 files');
  expect(await factOf(rig, { glob: '*/a.md' })).toBe('1 file');
  expect(await factOf(rig, { exceptGlobs: ['**/docs/**'] })).toBe('no files');
  // A guess with a sign that stands for more tells nothing of where the root lies.
  expect(await factOf(rig, { glob: join(rig.dir, 'd?cs/main.ts') })).toBe('no files');
  await rig.close();
});

test('of a file that is named and not there it is said that it was not found, whatever is asked of it', async () => {
  const rig = await edgeRig(edgeFolder(FILES));
  const glob = `**/${anyCase('docs/Gone.md')}`;
  for (const request of [
    { measure: Measure.OCCURRENCES, terms: ['x'] },
    { measure: Measure.LINES },
    { measure: Measure.COLUMN_COUNT },
    { measure: Measure.NEWEST },
    {},
  ])
    expect(await factOf(rig, { ...request, glob })).toBe('no file called “docs/Gone.md” was found');
  expect(await factOf(rig, { measure: Measure.WORDS, glob: '*计划.md', language: 'zh' })).toBe(
    '没有找到名为“计划.md”的文件',
  );
  expect(await factOf(rig, { measure: Measure.DUPLICATES, copiesOf: 'gone.md' })).toBe(
    'no file called “gone.md” was found',
  );
  expect(await factOf(rig, { measure: Measure.DUPLICATES, copiesOf: 'a.md' })).toBe('no duplicates');
  expect(await factOf(rig, { glob: 'a.md', minBytes: 5000n })).toBe('no files');
  expect(await factOf(rig, { glob: '*.gone' })).toBe('no files');
  await rig.close();
});

test('a time span is that of the calendar of the box', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/today': '', 'docs/old': '', 'docs/yesterday': '' }));
  const now = new Date();
  const at = (name: string, time: Date) => utimesSync(join(rig.dir, 'docs', name), time, time);
  at('today', new Date(now.getFullYear(), now.getMonth(), now.getDate()));
  at('yesterday', new Date(now.getFullYear(), now.getMonth(), now.getDate(), 0, 0, -1));
  at('old', new Date(now.getFullYear() - 1, 5, 1));
  const names = (span: TimeSpan) => factOf(rig, { span, measure: Measure.LIST });
  expect(await names(TimeSpan.TODAY)).toBe('docs/today');
  expect(await names(TimeSpan.YESTERDAY)).toBe('docs/yesterday');
  expect(await names(TimeSpan.LAST_YEAR)).toContain('docs/old');
  expect(await factOf(rig, { lastDays: 3, measure: Measure.LIST })).toBe('- docs/today\n- docs/yesterday');
  await rig.close();
});

test('without a grant only a mark leaves, as long as any other, and neither ledger nor withheld list tells of the fact', async () => {
  const rig = await edgeRig(edgeFolder({ ...FILES, 'docs/secret.key': 'x' }));
  const { run } = await rig.ask('how many files', ['docs/a.md']);
  const sizes = new Set<number>();
  const marks = new Set<string>();
  for (const request of [{}, { measure: Measure.TOTAL_SIZE }, { measure: Measure.LIST, most: 100 }]) {
    const { messages, result } = await rig.call(query, request, { run });
    expect(messages[0]).toMatchObject({ text: '', looked: { files: 6, total: 6, more: false, skipped: [] } });
    expect(messages[0]?.mark).toMatch(/^\[\[fact-[A-Z2-9]{4}\]\]$/);
    marks.add(messages[0]!.mark);
    sizes.add(toBinary(QueryResponseSchema, messages[0]!).length);
    expect(result.withheld).toEqual([]);
    expect(result.egress).toEqual([]);
  }
  expect(marks.size).toBe(3);
  expect(sizes.size).toBe(1);
  await rig.close();
});

test('where every file that was meant is shared, the fact leaves, and the ledger has it', async () => {
  const rig = await edgeRig(edgeFolder(FILES));
  const { run } = await rig.ask('how large', ['docs/a.md', 'docs/sub/b.MD']);
  const total = { measure: Measure.TOTAL_SIZE };
  const all = await rig.call(query, { ...total, classes: [FileClass.MARKDOWN] }, { run });
  expect(all.messages[0]?.text).toBe('2 KB (2,050 bytes, 2 files)');
  expect(all.result.egress.map(({ field }) => field)).toContain('text');
  const some = await rig.call(query, { ...total, classes: [FileClass.MARKDOWN, FileClass.CODE] }, { run });
  expect(some.messages[0]?.text).toBe('');
  const foreign = await rig.call(query, { ...total, classes: [FileClass.MARKDOWN] }, { run, recipient: 'other' });
  expect(foreign.messages[0]?.text).toBe('');
  await rig.close();
});

test('a mark stands for its fact in its own conversation only, also after a restart', async () => {
  const dir = edgeFolder(FILES);
  const before = await edgeRig(dir);
  const { run, ask } = await before.ask('how many');
  const other = await before.ask('another');
  const { messages } = await before.call(query, {}, { run });
  const mark = messages[0]?.mark ?? '';
  await before.close();
  const rig = await edgeRig(dir);
  const known = async (owner: { run?: string; conversation?: string }) => {
    const found = await rig.facts.lookUp({ run: '', conversation: '', ...owner }, [mark], (at) =>
      rig.journal.entry(at),
    );
    return found.get(mark);
  };
  expect(await known({ run })).toBe('6 files');
  expect(await known({ conversation: ask.conversation })).toBe('6 files');
  expect(await known({ run: other.run })).toBeUndefined();
  expect(await known({ conversation: other.ask.conversation })).toBeUndefined();
  await rig.close();
});

test('what is denied is not counted, what is hidden is said, and a path that is not allowed is refused as any other', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/a': '', 'docs/.env': 'x', 'docs/id_rsa': 'x', 'outside/b': '' }));
  mkdirSync(join(rig.dir, 'docs/.git'));
  expect(await factOf(rig, {})).toBe('1 file (1 not looked at: hidden)');
  expect(await factOf(rig, { language: 'zh' })).toBe('1 个文件（有 1 个没有查看：隐藏项）');
  expect((await rig.call(query, { path: join(rig.dir, 'outside') })).failure).toBe('PATH_NOT_ALLOWED');
  expect((await rig.call(query, { path: 'docs/none' })).failure).toBe('FILE_NOT_FOUND');
  expect((await rig.call(query, { classes: [0] })).failure).toBe('INVALID_ARGUMENT');
  await rig.close();
});

test('what is left out by kind or by place is in no measure, and a folder is as large as all below it', async () => {
  const rig = await edgeRig(edgeFolder(FILES));
  expect(await factOf(rig, { exceptClasses: [FileClass.LOG, FileClass.IMAGE] })).toBe('4 files');
  expect(await factOf(rig, { measure: Measure.LARGEST, most: 1, exceptClasses: [FileClass.LOG] })).toBe(
    'docs/a.md (2 KB)',
  );
  expect(await factOf(rig, { measure: Measure.LIST, exceptGlobs: ['**/sub/**'] })).toBe('- docs/a.md\n- docs/main.ts');
  expect(await factOf(rig, { classes: [FileClass.MARKDOWN], exceptGlobs: ['*.MD'] })).toBe('1 file');
  expect(await factOf(rig, { measure: Measure.FOLDER_SIZES })).toBe('- docs (5 MB)\n- docs/sub (5 MB)');
  expect(await factOf(rig, { measure: Measure.FOLDER_SIZES, path: 'docs/sub' })).toBe('docs/sub (5 MB)');
  expect(await factOf(rig, { measure: Measure.FOLDER_SIZES, path: 'docs', glob: 'a.md' })).toBe('docs (2 KB)');
  expect((await rig.call(query, { exceptClasses: [0] })).failure).toBe('INVALID_ARGUMENT');
  await rig.close();
});

test('days, months and years are those of the device', async () => {
  const rig = await edgeRig(edgeFolder(FILES));
  const at = (path: string, ...[year, month, day, hour]: [number, number, number, number]) => {
    const time = new Date(year, month - 1, day, hour);
    utimesSync(join(rig.dir, path), time, time);
  };
  at('docs/a.md', 2024, 12, 31, 23);
  at('docs/main.ts', 2025, 1, 1, 0);
  at('docs/sub/b.MD', 2025, 6, 30, 23);
  const list = (request: Asked) => factOf(rig, { measure: Measure.LIST, ...request });
  expect(await list({ beforeDay: '2025' })).toBe('docs/a.md');
  expect(await list({ fromDay: '2025', beforeDay: '2025-06-30' })).toBe('docs/main.ts');
  expect(await list({ fromDay: '2025-06', beforeDay: '2025-07' })).toBe('docs/sub/b.MD');
  for (const fromDay of ['2025-02-30', 'June', '25', '2025-13'])
    expect((await rig.call(query, { fromDay })).failure, fromDay).toBe('INVALID_ARGUMENT');
  await rig.close();
});
