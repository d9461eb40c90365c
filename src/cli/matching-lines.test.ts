import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { matchingLines } from './matching-lines.ts';

function fileOf(lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'matching-lines-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'app.log');
  writeFileSync(path, lines.join('\n'));
  return path;
}

test('the lines around the one that has the rarest words of the question, in any language', async () => {
  const lines = Array.from({ length: 2000 }, (_, at) => `what did the server say when it was request ${at}`);
  lines[1499] = 'pump failed with E4711';
  lines[299] = '水泵在凌晨停止';
  const path = fileOf(lines);
  expect(await matchingLines(path, 'What did the server say when E4711 was met?')).toEqual({ start: 1400, end: 1600 });
  expect(await matchingLines(path, '水泵什么时候停止？')).toEqual({ start: 200, end: 400 });
});

test('no line is told where none has a word of it, or there is nothing to read', async () => {
  expect(await matchingLines(fileOf(['a', 'b']), 'Where is the lighthouse?')).toBeUndefined();
  expect(await matchingLines('/nonexistent/app.log', 'Where?')).toBeUndefined();
});
