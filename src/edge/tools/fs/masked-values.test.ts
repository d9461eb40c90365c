import { expect, test } from 'vitest';
import { FsService, Measure } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';

const { query, read, search } = FsService.method;
const NOTES = 'the router\nwifi password: Tr0ub4dor&3\nurl: postgres://app:s3cr3tpw@db/x\nend\n';
const KEY = `the key\ntoken ghp_${'a1B2'.repeat(9)}\n`;

test('values that look like secrets leave as stars, whole, by line and as hits, and are counted; without them when they are meant', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/notes.md': NOTES }));
  const { run } = await rig.ask('what is the password?', ['docs/notes.md']);
  const whole = await rig.call(read, { path: 'docs/notes.md' }, { run });
  expect(whole.messages[0]).toMatchObject({
    text: 'the router\nwifi password: ***\nurl: postgres://app:***@db/x\nend\n',
    totalLines: 4,
  });
  const line = await rig.call(read, { path: 'docs/notes.md', startLine: 2, endLine: 2 }, { run });
  expect(line.messages[0]?.text).toBe('wifi password: ***\n');
  const hits = await rig.call(search, { terms: ['password'] }, { run });
  expect(hits.messages.flatMap(({ matches }) => matches.map(({ text }) => text))).toEqual(['wifi password: ***']);
  const none = await rig.call(search, { terms: ['Tr0ub4dor'] }, { run });
  expect(none.messages.flatMap(({ matches }) => matches.map(({ text }) => text))).toEqual([]);

  const meant = await rig.ask('what is the password?', ['docs/notes.md'], ['rules'], new Uint8Array(), {
    secrets: true,
  });
  const all = await rig.call(read, { path: 'docs/notes.md' }, { run: meant.run });
  expect(all.messages[0]?.text).toBe(NOTES);

  const masked = async (pattern: string, secrets = false) =>
    (await rig.shares.resolve([{ pattern }], undefined, { text: true, secrets })).map((file) => file.masked);
  expect(await masked('docs/notes.md')).toEqual([2]);
  expect(await masked('docs/notes.md#L3-L4')).toEqual([1]);
  expect(await masked('docs/notes.md#L1')).toEqual([0]);
  expect(await masked('docs/notes.md', true)).toEqual([0]);
  await rig.close();
});

test('a file with a key is shared only where its secrets are meant', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/key.md': KEY }));
  await expect(rig.ask('?', ['docs/key.md'])).rejects.toMatchObject({
    reason: 'SECRET_CONTENT',
    message: expect.stringContaining('--share-secrets'),
  });
  const { run } = await rig.ask('?', ['docs/key.md'], ['rules'], new Uint8Array(), { secrets: true });
  expect((await rig.call(read, { path: 'docs/key.md' }, { run })).messages[0]?.text).toBe(KEY);
  await rig.close();
});

test('a fact that leaves tells nothing of a masked value: not in a cell, a header or a count; one that stays is exact', async () => {
  const SECRET = 'q7XkT2vB9zLm4';
  const table = `amount,note\n7,wifi\n5,password: ${SECRET}\n`;
  const rig = await edgeRig(edgeFolder({ 'docs/a.csv': table, 'docs/b.csv': `api_key=${SECRET},x\n1,2\n` }));
  const facts = async (run: string, path: string) => {
    const asked = [
      { measure: Measure.COLUMN_SUM, column: 'note' },
      { measure: Measure.COLUMN_SUM, column: 'api_key' },
      { measure: Measure.COLUMN_MAX, column: 'none' },
      { measure: Measure.OCCURRENCES, terms: [SECRET] },
      { measure: Measure.COUNT, terms: [SECRET] },
      { measure: Measure.COUNT, withoutTerms: [SECRET] },
    ];
    const texts: string[] = [];
    for (const each of asked) {
      const { messages } = await rig.call(query, { path, ...each }, { run });
      const mark = messages[0]?.mark ?? '';
      const kept = await rig.facts.lookUp({ run, conversation: '' }, [mark], (at) => rig.journal.entry(at));
      texts.push(messages[0]?.text || `kept: ${kept.get(mark)}`);
    }
    return texts;
  };
  const { run } = await rig.ask('what is the sum?', ['docs/a.csv', 'docs/b.csv']);
  for (const path of ['docs/a.csv', 'docs/b.csv']) {
    const told = await facts(run, path);
    expect(told.join('\n')).not.toMatch(/q7Xk|^kept/m);
    expect(told.slice(3)).toEqual(['0 times', 'no files', '1 file']);
  }
  expect((await facts(run, 'docs/b.csv')).join()).toContain('api_key=***');
  const meant = await rig.ask('?', ['docs/a.csv'], ['rules'], new Uint8Array(), { secrets: true });
  expect((await facts(meant.run, 'docs/a.csv'))[3]).toMatch(/^1 time/);
  const bare = await rig.ask('?');
  expect((await facts(bare.run, 'docs/a.csv'))[3]).toMatch(/^kept: 1 time/);
  await rig.close();
});
