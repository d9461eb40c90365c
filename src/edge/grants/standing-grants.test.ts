import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { GrantedFileSchema, GrantMintedSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { GrantDocumentsRequestSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { roomyDay } from '../../../test/support/roomy-day.ts';
import { DayCap } from '../journal/day-cap.ts';
import type { RecordInit } from '../journal/records.ts';
import { grantDocuments } from './grant-documents.ts';
import { collectionsOf, mustTake, replacedBy } from './standing-grants.ts';

const grant = (collection: string, ...recipients: string[]) =>
  create(GrantMintedSchema, { id: `g-${collection}-${recipients.join('-')}`, collection, recipients });
const names = (...args: Parameters<typeof collectionsOf>) => collectionsOf(...args).map(({ name }) => name);

test('an ask looks by itself only into collections that who answers may see, and into named ones whoever does', () => {
  const live = [grant('own', 'rules', 'local'), grant('work', 'openai'), grant('open', 'any')];
  expect(names(live, [], { provider: 'rules', local: true })).toEqual(['own', 'open']);
  expect(names(live, [], { provider: 'house', local: true })).toEqual(['own', 'open']);
  expect(names(live, [], { provider: 'openai', local: false })).toEqual(['work', 'open']);
  expect(names(live, [], { provider: 'house', local: false })).toEqual(['open']);
  expect(names(live, [], undefined)).toEqual(['own', 'work', 'open']);
  expect(collectionsOf(live, ['work'], { provider: 'rules', local: true })).toMatchObject([
    { name: 'work', grant: 'g-work-openai', recipients: ['openai'] },
  ]);
  expect(() => collectionsOf(live, ['notes'], undefined)).toThrow('there are own, work, open');
  expect(() => collectionsOf([], ['notes'], undefined)).toThrow('bowline docs add');
});

test('a collection keeps its recipients', () => {
  const live = [grant('own', 'rules', 'local')];
  expect(() => mustTake(live, 'own', ['local', 'rules'])).not.toThrow();
  expect(() => mustTake(live, 'other', ['openai'])).not.toThrow();
  expect(() => mustTake(live, 'own', ['openai'])).toThrow('rules, local may see');
});

const standing = (collection: string, id: string, ...paths: string[]) =>
  create(GrantMintedSchema, { id, collection, recipients: ['local'], files: paths.map((path) => ({ path })) });

test('what is granted again takes the place of what it covers: the same name, another name of it, what lies below a folder', () => {
  const live = [
    standing('docs', 'a', '/d/a.md'),
    standing('docs', 'named', 'd/a.md'),
    standing('docs', 'two', '/d/a.md', '/e/b.md'),
    standing('docs', 'folder', '/d/'),
    standing('docs', 'deep', '/d/x/*.md'),
    standing('docs', 'beside', '/dx/a.md'),
    standing('other', 'o', '/d/a.md'),
  ];
  const ids = (...names: string[]) => replacedBy(live, 'docs', names).map(({ id }) => id);
  expect(ids('/d/a.md', 'd/a.md')).toEqual(['a', 'named']);
  expect(ids('/d/a.md')).toEqual(['a']);
  expect(ids('/d')).toEqual(['a', 'folder', 'deep']);
  expect(ids('/d', '/e/b.md')).toEqual(['a', 'two', 'folder', 'deep']);
  expect(ids('/')).toEqual(['a', 'two', 'folder', 'deep', 'beside']);
  expect(ids('/none')).toEqual([]);
});

test('grants have a bound, which repeats never meet, and its text names what helps', () => {
  const same = Array.from({ length: 256 }, (_, n) => standing('docs', `g${n}`, '/d/a.md'));
  expect(replacedBy(same, 'docs', ['/d/a.md'])).toHaveLength(256);
  const distinct = same.map(({ id }, n) => standing('docs', id, `/d/${n}.md`));
  expect(() => replacedBy(distinct, 'docs', ['/d/new.md'])).toThrow(/limit of 256, .*bowline docs rm COLLECTION/);
  expect(() => replacedBy(distinct, 'other', ['/d'])).toThrow('256');
  // What the text names helps.
  expect(replacedBy(distinct, 'docs', ['/d'])).toHaveLength(256);
});

test('the grant and every line of the ledger are journaled together before anything is told', async () => {
  const written: RecordInit[][] = [];
  const files = Array.from({ length: 1_201 }, (_, n) =>
    create(GrantedFileSchema, {
      path: `docs/文件-${n}.md`,
      realPath: `/d/${n}`,
      bytes: 10n,
      sha256: new Uint8Array(32),
    }),
  );
  const parts = {
    standing: () => [],
    resolve: async () => files,
    journal: { append: async (records: readonly RecordInit[]) => written.push([...records]), now: () => 5 },
    model: () => undefined,
    day: roomyDay(),
  };
  const request = create(GrantDocumentsRequestSchema, { collection: 'docs', patterns: ['/d'] });
  const granted = await grantDocuments(parts, request);
  expect(granted.files).toHaveLength(1_201);
  expect(granted.grant).toMatchObject({ collection: 'docs', recipients: ['local'], run: '', capBytes: 12_010n });
  expect(written).toHaveLength(1);
  const [minted, ...ledger] = written[0]!;
  expect(minted).toMatchObject({ case: 'grantMinted', value: { id: granted.grant.id } });
  const lines = ledger.flatMap((record) => (record.case === 'ledger' ? (record.value.entries ?? []) : []));
  expect(lines).toHaveLength(1_201);
  expect(lines[7]).toMatchObject({ path: 'docs/文件-7.md', field: 'document', bytes: 10n, grant: granted.grant.id });
  // No model is known: who will see it is not told as `local`, though only such may.
  expect(lines[7]?.recipients).toEqual(['unknown']);
  const failing = { ...parts, journal: { ...parts.journal, append: () => Promise.reject(new Error('disk')) } };
  await expect(grantDocuments(failing, request)).rejects.toThrow('disk');
});

test('documents that do not fit the day are not granted; what fits is, and a journal that refuses uses up nothing', async () => {
  const written: RecordInit[] = [];
  const day = new DayCap({ left: new Map(), now: () => 5, limit: () => 25 });
  const files = [10n, 6n].map((bytes) =>
    create(GrantedFileSchema, { path: `docs/${bytes}.md`, realPath: `/d/${bytes}`, bytes }),
  );
  const parts = {
    standing: () => [],
    resolve: async () => files,
    journal: { append: async (records: readonly RecordInit[]) => written.push(...records), now: () => 5 },
    day,
    model: () => undefined,
  };
  const request = create(GrantDocumentsRequestSchema, { collection: 'docs', patterns: ['/d'] });
  const failing = { ...parts, journal: { ...parts.journal, append: () => Promise.reject(new Error('disk')) } };
  await expect(grantDocuments(failing, request)).rejects.toThrow('disk');
  expect(day.use.bytes).toBe(0);
  await grantDocuments(parts, request);
  const before = written.length;
  await expect(grantDocuments(parts, request)).rejects.toMatchObject({
    reason: 'DAY_CAP_MET',
    message: expect.stringMatching(/16 bytes; of the 25 .*, 9 are left.*midnight.*limits\.egress_day_bytes/),
  });
  const small = new DayCap({ left: new Map(), now: () => 0, limit: () => 15 });
  await expect(grantDocuments({ ...parts, day: small }, request)).rejects.toMatchObject({
    reason: 'DAY_CAP_MET',
    message: expect.stringMatching(/granted\. No day has room for them: raise limits\.egress_day_bytes/),
  });
  expect(written).toHaveLength(before);
  expect(day.use.bytes).toBe(16);
});
