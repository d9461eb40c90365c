// Absence is never claimed from a partial look: a folder as people have it, with a log of 50 MB, 40 levels, odd names and files without rights.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { expect, test, vi } from 'vitest';
import {
  FsService,
  type Looked,
  Measure,
  type QueryRequestSchema,
  UnseenReason,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';
import { makeMessyFolder } from '../../../../test/support/messy-folder.ts';

vi.setConfig({ testTimeout: 120_000 });

const { list, query, search } = FsService.method;

const whys = (looked: Looked | undefined) =>
  Object.fromEntries(
    (looked?.skipped ?? []).map(({ why, count }) => [
      Object.entries(UnseenReason).find(([, value]) => value === why)?.[0] ?? '',
      count,
    ]),
  );

test('a word is found in a log of 50 MB and 40 levels down, and what was not searched is said by name alone', async () => {
  const dir = edgeFolder();
  const messy = makeMessyFolder(join(dir, 'docs'));
  const rig = await edgeRig(dir);
  const { run } = await rig.ask('Where is quicksilver? And anchorage?');
  const { messages } = await rig.call(search, { terms: ['quicksilver'] }, { run });
  expect(messages[0]?.matches.map(({ file }) => file?.path)).toContain(`docs/${messy.bigLog}`);
  const { looked } = messages[0] ?? {};
  expect(looked?.more).toBe(false);
  expect(looked!.files + Object.values(whys(looked)).reduce((sum, n) => sum + n, 0)).toBe(looked!.total);
  const told = whys(looked);
  expect(told.NOT_TEXT).toBeGreaterThan(0);
  expect(Object.keys(told).every((why) => ['HIDDEN', 'NOT_TEXT', 'UNREADABLE', 'UNTELLABLE_NAME'].includes(why))).toBe(
    true,
  );
  const deep = await rig.call(list, { recursive: true, pageSize: 1000 });
  expect(deep.messages[0]?.files.map(({ path }) => path)).toContain(`docs/${messy.deepest}`);
  await rig.close();
});

test('a list tells on each of its pages how many entries there are, and what was passed over', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 25 }, (_, i) => [`docs/${String(i).padStart(2, '0')}.md`, 'x']),
  );
  const rig = await edgeRig(edgeFolder({ ...files, 'docs/a\u0007.md': 'x' }));
  let pageToken = '';
  let seen = 0;
  for (const page of [10, 10, 5]) {
    const { messages } = await rig.call(list, { path: 'docs', pageSize: 10, pageToken });
    seen += page;
    expect(messages[0]?.files).toHaveLength(page);
    expect(messages[0]?.looked).toMatchObject({ files: 25, total: 26, more: false });
    expect(whys(messages[0]?.looked)).toEqual({ UNTELLABLE_NAME: 1 });
    pageToken = messages[0]?.nextPageToken ?? '';
  }
  expect([seen, pageToken]).toEqual([25, '']);
  await rig.close();
});

test('a limit of entries, depth, bytes or time that is met is said, never silently', async () => {
  const files = { 'docs/a/b/c/deep.md': 'word', 'docs/a/top.md': 'word', 'docs/z.md': 'word' };
  const looked = async (limits: string) => {
    const rig = await edgeRig(edgeFolder(files), { config: `limits: {${limits}}\n` });
    const { run } = await rig.ask('word');
    const { messages } = await rig.call(search, { terms: ['word'] }, { run });
    const fact = await rig.call(query, { measure: Measure.OCCURRENCES, terms: ['word'] }, { run });
    await rig.close();
    const found = messages[0]?.matches.map(({ file }) => file?.path);
    return [found, messages[0]?.looked, fact.messages[0]?.looked] as const;
  };
  const [deep, one, two] = await looked('walk_depth: 3');
  expect(deep?.toSorted()).toEqual(['docs/a/top.md', 'docs/z.md']);
  for (const each of [one, two]) {
    expect(each).toMatchObject({ files: 2, total: 3, skipped: [{ count: 1, files: [{ path: 'docs/a/b/c' }] }] });
    expect(whys(each)).toEqual({ TOO_DEEP: 1 });
  }
  const [few, entries] = await looked('walk_entries: 2');
  expect(few).toEqual([]);
  expect(entries).toMatchObject({ files: 0, more: true });
  const [, bytes, fact] = await looked('search_bytes: 5');
  expect(whys(bytes)).toEqual({ BYTES: 2 });
  // What a Query reads of a file may depend on others: the fact alone says which it left out.
  expect(fact).toMatchObject({ files: 3, total: 3, skipped: [] });
});

test('a file of 5 MB and more is searched, also behind its first 4 MiB; no rights are told as that', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/large.log': `${'x\n'.repeat(3 << 20)}needle\n`, 'docs/sub/a.md': '' }));
  const { run } = await rig.ask('needle');
  const find = () => rig.call(search, { terms: ['needle'] }, { run });
  expect((await find()).messages[0]?.matches.map(({ file }) => file?.path)).toEqual(['docs/large.log']);
  expect((await find()).messages[0]?.looked).toMatchObject({ files: 2, total: 2, skipped: [] });
  if (process.getuid?.() !== 0) {
    chmodSync(join(rig.dir, 'docs/sub'), 0);
    expect(whys((await find()).messages[0]?.looked)).toEqual({ UNREADABLE: 1 });
    chmodSync(join(rig.dir, 'docs/sub'), 0o755);
  }
  await rig.close();
});

test('what is told of the look depends on names, sizes and grants alone, never on what is in a file', async () => {
  const secret = `AKIA${'A'.repeat(16)}`;
  const contents = ['plain', `needle ${secret}`, Buffer.from([0, 0xff, 0xfe, 1, 2]), 'needle needle', ''];
  const seen = new Set<string>();
  const rig = await edgeRig(edgeFolder({ 'docs/other.md': 'x' }));
  const { run } = await rig.ask('needle');
  for (const content of contents) {
    const padded = Buffer.concat([Buffer.from(content), Buffer.alloc(100 - Buffer.from(content).length, 0x20)]);
    mkdirSync(join(rig.dir, 'docs/sub'), { recursive: true });
    writeFileSync(join(rig.dir, 'docs/sub/file'), padded);
    for (const [method, request] of [
      [search as unknown as typeof query, { terms: ['needle'] }],
      [query, { measure: Measure.OCCURRENCES, terms: ['needle'] }],
      [query, { measure: Measure.WORDS }],
      [query, { measure: Measure.DUPLICATES }],
      [query, { terms: ['needle'] }],
    ] as [typeof query, MessageInitShape<typeof QueryRequestSchema>][]) {
      const { messages, result } = await rig.call(method, request, { run });
      const { files, total, more, skipped } = messages[0]!.looked!;
      const withheld = method.name === 'Query' ? result.withheld.length : 0;
      seen.add(
        `${files} ${total} ${more} ${skipped.length} ${withheld} ${method.name === 'Query' ? messages[0]?.text : ''}`,
      );
    }
  }
  expect([...seen]).toEqual(['2 2 false 0 0 ']);
  await rig.close();
});

test('neither what files hold nor their exact sizes tell on the look of a Query that meets a limit; the fact says it', async () => {
  const large = Buffer.alloc(4_500_000, 'b\n');
  const first = Buffer.concat([Buffer.from('hunter2\n'), Buffer.alloc(3_000_000, 'a\n')]);
  const files = {
    'docs/a.log': first,
    'docs/b.log': large,
    'docs/raw.log': Buffer.alloc(3_000_000),
    'docs/p.png': 'x',
  };
  const rig = await edgeRig(edgeFolder(files), { config: 'limits: {search_bytes: 9000000}\n' });
  const { run } = await rig.ask('how many');
  const seen = new Set<string>();
  const facts: string[] = [];
  const pairs = [
    { terms: ['hunter2'] },
    { terms: ['hunter3'] },
    { minBytes: 3_000_008n },
    { minBytes: 3_000_009n },
    { maxBytes: 4_499_999n },
    { maxBytes: 4_500_000n },
  ];
  for (const measure of [Measure.WORDS, Measure.DUPLICATES, Measure.OCCURRENCES])
    for (const pair of pairs) {
      const terms = measure === Measure.OCCURRENCES ? ['hunter2'] : [];
      const { messages } = await rig.call(query, { glob: '*.log', measure, terms, ...pair }, { run });
      const { looked, mark = '' } = messages[0] ?? {};
      seen.add(`${looked?.files} ${looked?.total} ${looked?.more} ${JSON.stringify(whys(looked))}`);
      facts.push(
        (await rig.facts.lookUp({ run, conversation: '' }, [mark], (at) => rig.journal.entry(at))).get(mark) ?? '',
      );
    }
  expect([...seen]).toEqual(['3 3 false {}']);
  expect(facts.filter((fact) => fact.includes('docs/b.log, the limit of bytes was met')).length).toBeGreaterThan(1);
  // What is without text by its name is told by its name, whatever its size.
  for (const minBytes of [0n, 2n]) {
    const { messages } = await rig.call(query, { glob: '*.png', measure: Measure.WORDS, minBytes }, { run });
    expect(whys(messages[0]?.looked)).toEqual({ NOT_TEXT: 1 });
  }
  await rig.close();
});

test('a Search tells the same limit met, whether a file before turned out to be text or not', async () => {
  const seen = new Set<string>();
  for (const content of [Buffer.alloc(6_000), Buffer.alloc(6_000, 'x'), Buffer.alloc(5_000, 'needle ')]) {
    const files = { 'docs/a.log': content, 'docs/b.log': 'b'.repeat(7_000) };
    const rig = await edgeRig(edgeFolder(files), { config: 'limits: {search_bytes: 10000}\n' });
    const { run } = await rig.ask('needle');
    const { messages } = await rig.call(search, { terms: ['needle'] }, { run });
    seen.add(JSON.stringify(whys(messages[0]?.looked)));
    await rig.close();
  }
  expect([...seen]).toEqual(['{"BYTES":1}']);
});

test('what is hidden is counted and not named, unless the configuration names it; of secrets there is not even a count', async () => {
  const files = {
    'docs/a.md': 'needle',
    'docs/.draft.md': 'needle',
    'docs/.git/config': 'x',
    'docs/.env': 'x',
    'docs/id_rsa': 'x',
  };
  const dir = edgeFolder(files);
  for (const [config, seen, hidden] of [
    ['', 1, 2],
    ["allow:\n  hidden: ['.draft.md']\n", 2, 1],
  ] as const) {
    const rig = await edgeRig(dir, { config });
    const { run } = await rig.ask('needle');
    const looks = [
      (await rig.call(list, { path: 'docs' }, { run })).messages[0],
      (await rig.call(search, { terms: ['needle'] }, { run })).messages[0],
      (await rig.call(query, { measure: Measure.OCCURRENCES, terms: ['needle'] }, { run })).messages[0],
    ];
    for (const { looked } of looks as { looked?: Looked }[]) {
      expect(looked).toMatchObject({ files: seen, total: seen + hidden, more: false });
      expect(looked?.skipped).toMatchObject([{ why: UnseenReason.HIDDEN, count: hidden, files: [] }]);
    }
    // Whoever asks for one file by its name meant none of them.
    expect((await rig.call(list, { path: 'docs', glob: 'a.md' }, { run })).messages[0]?.looked?.skipped).toEqual([]);
    await rig.close();
  }
});
