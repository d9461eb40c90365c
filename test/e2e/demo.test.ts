// The demonstration as a newcomer runs it: the real programs, over a folder of many files, with names of any kind.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { built, ROOT } from '../support/stack.ts';

// Real processes from a first start, on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

let dir: string;
beforeAll(async () => {
  await built();
  dir = mkdtempSync(join(tmpdir(), 'bowline-demo-e2e-'));
  mkdirSync(join(dir, 'notes/sub'), { recursive: true });
  mkdirSync(join(dir, 'temp'));
  for (let i = 0; i < 178; i++) {
    writeFileSync(
      join(dir, `notes/sub/n${String(i).padStart(3, '0')}.md`),
      `# Note ${i}\n\nThe budget of week ${i}.\n`,
    );
  }
  writeFileSync(join(dir, 'notes/zebra.md'), '# Stripes\n\nThe zebra is fed at four.\n');
  writeFileSync(join(dir, 'notes/发布计划.md'), '# 发布计划\n\n发布日期是五月十四日。\n');
  writeFileSync(join(dir, 'notes/two\nlines.md'), 'The zebra is fed at five.\n');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function demo(ASK: string) {
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, ASK, DIR: join(dir, 'notes'), TMPDIR: join(dir, 'temp') };
  const ended = spawnSync(process.execPath, ['scripts/demo.mjs'], { cwd: ROOT, env, encoding: 'utf8' });
  expect(readdirSync(join(dir, 'temp'))).toEqual([]);
  return ended;
}

test.each([
  ['What does n170.md say about the budget?', 'budget of week 170', 'n170.md:3'],
  ['发布计划.md 里的发布日期是哪一天？', '五月十四日', '发布计划.md:3'],
])('%s is answered from the file that it names, among 181', (question, answer, source) => {
  const { status, stdout, stderr } = demo(question);
  expect(status, stderr).toBe(0);
  const [first = '', second = ''] = stdout.split('shared for this question only');
  expect(first).not.toContain(answer);
  expect(second).toContain(answer);
  expect(second).toContain(source);
  // What was shared is in the ledger, and no file that has nothing to do with it.
  expect(second).not.toContain('/n001.md');
});

test('what more files hold than are shared is told, with an exit code', () => {
  const { status, stdout } = demo('Where does a budget stand?');
  expect(stdout).toMatch(/\nOnly 40 of the \d+ files in which something was found were shared/);
  expect(status).toBe(8);
});
