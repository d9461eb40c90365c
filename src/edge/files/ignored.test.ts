import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { IgnoredPaths } from './ignored.ts';

function folderWith(rules: string): string {
  const root = mkdtempSync(join(tmpdir(), 'ignored-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, '.bowlineignore'), rules);
  return root;
}

/** How many of so many files are judged before it is too much, and what is said then. */
function judged(root: string, files: number): { readonly files: number; readonly said: string } {
  const ignored = new IgnoredPaths(root, root, {});
  for (let i = 0; i < files; i++) {
    try {
      ignored.has(join(root, `${String(i).padStart(4, '0')}${'a'.repeat(200)}.md`), false);
    } catch (error) {
      return { files: i, said: (error as Error).message };
    }
  }
  return { files, said: '' };
}

test('hostile patterns beside many files end with words, and patterns as people write them do not', () => {
  const hostile = judged(folderWith(`${'*a'.repeat(32)}b\n`.repeat(900)), 1_500);
  expect(hostile.files).toBeLessThan(60);
  expect(hostile.said).toMatch(
    /^the patterns in \.bowlineignore files say what may not be shared, and there are too many/,
  );
  const usual = Array.from({ length: 200 }, (_, i) => `*.kind${i}\nbuild${i}/\n`).join('');
  expect(judged(folderWith(usual), 1_500)).toEqual({ files: 1_500, said: '' });
});

test('lines that are more than are read are never passed over in silence', () => {
  const root = folderWith(`${'x\n'.repeat(2_500)}secret.md\n`);
  expect(() => new IgnoredPaths(root, root, {}).has(join(root, 'secret.md'), false)).toThrow('more than 2000 lines');
});
