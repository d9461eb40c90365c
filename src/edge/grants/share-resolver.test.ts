import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';

const FILES = {
  'docs/notes.md': 'one\ntwo\nthree\n',
  'docs/sub/deep.md': 'deep',
  'docs/sub/deep.txt': 'text',
  'docs/we[i]rd.md': 'weird',
  'docs/.hidden.md': 'hidden',
  'docs/.env': 'SECRET=1',
  'outside/x.md': 'outside',
};

test('paths, globs, folders and ranges become exact files', async () => {
  const rig = await edgeRig(edgeFolder(FILES), { config: "allow: {hidden: ['.hid*']}\n" });
  const paths = async (...patterns: string[]) =>
    (await rig.shares.resolve(patterns.map((pattern) => ({ pattern })))).map(({ path }) => path);
  const { dir } = rig;
  expect(await paths(join(dir, 'docs/notes.md'))).toEqual(['docs/notes.md']);
  expect(await paths('docs/notes.md', join(dir, 'docs/*.md'))).toEqual([
    'docs/notes.md',
    'docs/.hidden.md',
    'docs/we[i]rd.md',
  ]);
  expect(await paths(join(dir, 'docs/we[i]rd.md'))).toEqual(['docs/we[i]rd.md']);
  expect(await paths(join(dir, 'docs/**/*.md'))).toEqual([
    'docs/.hidden.md',
    'docs/notes.md',
    'docs/sub/deep.md',
    'docs/we[i]rd.md',
  ]);
  expect(await paths(join(dir, 'docs'))).toEqual([
    'docs/.hidden.md',
    'docs/notes.md',
    'docs/sub/deep.md',
    'docs/sub/deep.txt',
    'docs/we[i]rd.md',
  ]);
  expect(await paths(join(dir, 'docs/.*'))).toEqual(['docs/.hidden.md']);
  const [range] = await rig.shares.resolve([{ pattern: 'docs/notes.md#L2-L3' }]);
  expect(range).toMatchObject({ path: 'docs/notes.md', startLine: 2, endLine: 3, bytes: 10n });
  expect(range?.sha256).toHaveLength(32);
  await rig.close();
});

test('a share that matches nothing, or something that may not be read, is an error', async () => {
  const rig = await edgeRig(edgeFolder(FILES), { config: 'limits: {share_bytes: 12}\n' });
  const reason = (pattern: string) =>
    rig.shares.resolve([{ pattern }]).then(
      () => 'none',
      (error: { reason: string }) => error.reason,
    );
  const { dir } = rig;
  symlinkSync(join(dir, 'outside/x.md'), join(dir, 'docs/link.md'));
  for (const pattern of [
    'docs/none.md',
    'notes.md',
    '*.md',
    `${dir}/docs/*.pdf`,
    'docs/notes.md#L9-L12',
    'docs/notes.md#L3-L2',
    'docs/notes.md#L0',
  ]) {
    expect(await reason(pattern), pattern).toBe('SHARE_NO_MATCH');
  }
  for (const pattern of [
    `${dir}/outside/x.md`,
    `${dir}/outside/*`,
    `${dir}/**`,
    'docs/.env',
    'docs/link.md',
    '/etc/passwd',
  ]) {
    expect(await reason(pattern), pattern).toBe('PATH_NOT_ALLOWED');
  }
  expect(await reason('docs/notes.md')).toBe('LIMIT_EXCEEDED');
  await rig.close();
});

test('of many files, the one that stands in the way is named', async () => {
  const rig = await edgeRig(edgeFolder({ ...FILES, 'docs/large.md': 'x'.repeat(3000) }), {
    config: 'limits: {file_bytes: 2000}\n',
  });
  await expect(rig.shares.resolve([{ pattern: 'docs' }])).rejects.toMatchObject({
    reason: 'FILE_TOO_LARGE',
    message: expect.stringMatching(/^docs\/large\.md: the file is larger than limits\.file_bytes/),
  });
  await rig.close();
});
