import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FsService, Measure, UnseenReason, WriteMode } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';

const { edit, list, query, read, search, write } = FsService.method;
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

const BOX = 'Zq8-vTkk-991x-Lhnd';

/** A rig that knows BOX as the secret `box`. */
async function boxRig(files: Readonly<Record<string, string>>, config = '') {
  const dir = edgeFolder({ ...files, 'box.txt': BOX });
  chmodSync(join(dir, 'box.txt'), 0o600);
  return { dir, rig: await edgeRig(dir, { config: `secrets: {box: {file: DIR/box.txt}}\n${config}` }) };
}

test('a known secret is masked before lines, windows and bytes are cut, with its values meant or not; no search and no fact confirms a part', async () => {
  const long = `${'y'.repeat(150)} ${BOX} ${'z'.repeat(280)} lamp\n`;
  const base64 = Buffer.from(BOX).toString('base64');
  const files = {
    'docs/a.md': `head of it ${BOX} tail lamp\n`,
    'docs/b.md': long,
    'docs/c.md': `one ${BOX.slice(0, 9)}\n${BOX.slice(9)} two lamp\n${base64.replaceAll(/.{8}/g, '$&\n')}`,
  };
  const { rig } = await boxRig(files);
  for (const secrets of [false, true]) {
    const { run } = await rig.ask('where is the lamp?', Object.keys(files), ['rules'], new Uint8Array(), { secrets });
    const told: string[] = [];
    const reads = [
      ...Array.from({ length: 30 }, (_, at) => ({ path: 'docs/a.md', maxBytes: at + 1 })),
      ...Array.from({ length: 5 }, (_, at) => ({ path: 'docs/c.md', startLine: at + 1, endLine: at + 1 })),
    ];
    for (const each of reads) told.push((await rig.call(read, each, { run })).messages[0]?.text ?? '');
    for (const term of ['lamp', 'yyy', 'zzz', 'one', 'two', '*']) {
      const { messages } = await rig.call(search, { terms: [term] }, { run });
      told.push(...messages.flatMap(({ matches }) => matches.map(({ text }) => text)));
    }
    expect(told[27]).toBe('head of it ***box*** tail la');
    expect(told[31]).toBe('***box*** two lamp\n');
    const shown = told.join('\n');
    for (const form of [BOX, base64])
      for (let at = 0; at + 3 < form.length; at++) expect(shown).not.toContain(form.slice(at, at + 4));
    for (const part of [BOX, BOX.slice(0, 7), BOX.slice(9)]) {
      const found = await rig.call(search, { terms: [part] }, { run });
      expect(found.messages.flatMap(({ matches }) => matches)).toEqual([]);
      const fact = await rig.call(query, { path: 'docs/a.md', measure: Measure.OCCURRENCES, terms: [part] }, { run });
      expect(fact.messages[0]?.text).toBe('0 times');
    }
  }
  // A word of the ask may be a part of it: a file that is not shared is not found by it, but is by its other words.
  const { run } = await rig.ask(`is ${BOX.slice(0, 8)} or a lamp there?`);
  const names = async (term: string) =>
    (await rig.call(search, { terms: [term] }, { run })).messages.flatMap(({ matches }) => matches.length);
  expect(await names('lamp')).toEqual([3]);
  expect(await names(BOX.slice(0, 8))).toEqual([0]);
  await rig.close();
});

test('a name that holds a known secret is told by no list, and found by no part of it', async () => {
  const { rig } = await boxRig({ [`docs/to ${BOX}.md`]: 'lamp', 'docs/a.md': 'lamp' });
  const { run } = await rig.ask('where is the lamp?');
  const found = async (ask: { terms?: string[]; glob?: string }) =>
    (await rig.call(search, ask, { run })).messages.flatMap(({ matches }) => matches.map(({ file }) => file?.path));
  expect(await found({ terms: ['lamp'] })).toEqual(['docs/a.md']);
  for (const part of ['Zq8-vT', 'Zq8-vX']) {
    expect(await found({ terms: [part] })).toEqual([]);
    expect(await found({ glob: `*${part}*` })).toEqual([]);
  }
  for (const glob of ['', '*Zq8-vT*', '*Zq8-vX*']) {
    const { messages } = await rig.call(list, { path: 'docs', glob }, { run });
    expect(messages[0]?.files.map(({ path }) => path)).toEqual(glob === '' ? ['docs/a.md'] : []);
    expect(messages[0]?.looked?.skipped).toMatchObject([{ why: UnseenReason.UNTELLABLE_NAME, count: 1 }]);
  }
  await rig.close();
});

test('an edit finds nothing in a known secret, meant or not, and one that would take its mask away ends the share', async () => {
  const text = `head of it ${BOX} tail\n`;
  const config = 'allow:\n  write: [{path: DIR/docs, confirm: never}]\n';
  const { dir, rig } = await boxRig({ 'docs/a.md': text }, config);
  for (const secrets of [false, true]) {
    const { run } = await rig.ask('edit', ['docs/a.md'], ['rules'], new Uint8Array(), { secrets });
    const edited = async (oldText: string, newText: string) =>
      (await rig.call(edit, { path: 'docs/a.md', edits: [{ oldText, newText }] }, { run })).failure;
    for (const guess of ['it Zq8-vT', 'it Zq8-vX', BOX, 'nd tail', '991x'])
      expect([guess, await edited(guess, `${guess}.`)]).toEqual([guess, 'EDIT_NO_MATCH']);
    expect(await edited(' tail', ' tail,')).toBeUndefined();
    expect((await rig.call(read, { path: 'docs/a.md' }, { run })).messages[0]?.text).toMatch(
      /^head of it \*{3}box\*{3} tail,+\n$/,
    );
  }
  expect(readFileSync(join(dir, 'docs/a.md'), 'utf8')).toBe(text.replace('tail', 'tail,,'));
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
