import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { causeText, systemCodeOf } from './cause-text.ts';

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('what the system throws is told in words, with the path and the code', () => {
  const error = thrownBy(() => readFileSync('/nowhere/笔记.md'));
  expect(causeText(error)).toBe('/nowhere/笔记.md: there is no such file or folder (ENOENT)');
});

test('what a program in WebAssembly throws is no Error, and is told in words all the same', () => {
  // As PGlite's file system throws it.
  const full = { name: 'ErrnoError', errno: 51 };
  expect(causeText(full)).toBe('no space is left on the disk; free some (ENOSPC)');
  expect(systemCodeOf(full)).toBe('ENOSPC');
  // The same number elsewhere is another code.
  expect(systemCodeOf({ errno: 51 })).toBe('');
});

test('nothing that is thrown is told as [object Object]', () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  for (const thrown of [{}, { a: 1 }, circle, { message: 'words' }, null, undefined, 7, 'text', new Error('e')])
    expect(causeText(thrown)).not.toContain('[object');
});
