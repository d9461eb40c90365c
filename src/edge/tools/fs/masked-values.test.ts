import { expect, test } from 'vitest';
import { FsService, Measure, WriteMode } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';

const { edit, query, read, search, write } = FsService.method;
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

test('an edit finds nothing in a masked value, right guesses fail as wrong ones, and none takes a mask away', async () => {
  const SECRET = 'q7XkT2vB9zLm4';
  const before = `用户 a\npassword: ${SECRET}\nend q7\n`;
  const config = 'allow:\n  write: [{path: DIR/docs, confirm: never}]\n';
  const rig = await edgeRig(edgeFolder({ 'docs/a.md': before, 'docs/b.md': `password: ${SECRET}` }), { config });
  const shared = async (file: string, secrets = false) =>
    (await rig.ask('edit', [file], ['rules'], new Uint8Array(), { secrets })).run;
  let run = await shared('docs/a.md');
  const edited = async (oldText: string, newText: string, all = false) =>
    (await rig.call(edit, { path: 'docs/a.md', edits: [{ oldText, newText, all }] }, { run })).failure;
  const seen = async (path = 'docs/a.md') => (await rig.call(read, { path }, { run })).messages[0]?.text;
  const guesses = [SECRET, 'q7Xk', 'q7Xz', 'T', ': q7', 'password: q', '4\n', '4\nend', 'Lm4'];
  for (const guess of guesses) expect([guess, await edited(guess, 'x')]).toEqual([guess, 'EDIT_NO_MATCH']);
  // It stands once where it is seen, and once where it is not.
  expect(await edited('q7', '词语')).toBeUndefined();
  expect(await seen()).toBe('用户 a\npassword: ***\nend 词语\n');
  expect(await edited('用户', 'user', true)).toBeUndefined();
  for (const guess of guesses) expect(await edited(guess, 'x', true)).toBe('EDIT_NO_MATCH');
  expect(await seen()).toBe('user a\npassword: ***\nend 词语\n');
  // It may change the name before; what is then seen as anything else is not shared.
  expect(await edited('password', 'colour')).toBeUndefined();
  expect(await seen()).toBe('');
  expect(await edited('user', 'x')).toBe('EDIT_NEEDS_GRANT');
  run = await shared('docs/a.md', true);
  expect(await edited('q7Xk', 'x')).toBeUndefined();
  run = await shared('docs/b.md');
  const added = await rig.call(write, { path: 'docs/b.md', text: 'a'.repeat(200), mode: WriteMode.APPEND }, { run });
  expect([added.failure, await seen('docs/b.md')]).toEqual([undefined, '']);
  await rig.close();
});
