import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { withSourceLines } from './source-lines.ts';

const dir = mkdtempSync(join(tmpdir(), 'bowline-lines-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a stack names the lines of the sources, and keeps what no table knows', () => {
  const sources = ['src/a.ts', 'src/b.ts'];
  const table = Buffer.alloc(4 + 4 * 3);
  for (const [index, word] of [3, 0, 12, (1 << 16) | 700].entries()) table.writeUInt32LE(word, 4 * index);
  writeFileSync(join(dir, 'chunk-x.lines'), Buffer.concat([table, Buffer.from(JSON.stringify(sources))]));
  const stack = [
    'Error: no',
    `    at open (${dir}/chunk-x.cjs:2:10)`,
    `    at ${dir}/chunk-x.cjs:3:1`,
    `    at first (${dir}/chunk-x.cjs:1:1)`,
    `    at beyond (${dir}/chunk-x.cjs:9:1)`,
    `    at other (${dir}/chunk-y.cjs:2:10)`,
    '    at node:internal/main:1:2',
  ];
  const told = [...stack];
  told[1] = '    at open (src/a.ts:12)';
  told[2] = '    at src/b.ts:700';
  expect(withSourceLines(stack.join('\n'))).toBe(told.join('\n'));
});
