import { posix } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { segmentsOf } from './relative-path.ts';

test.each([
  '',
  '/etc/passwd',
  '..',
  '../a',
  'a/../b',
  'a//b',
  'a/',
  './a',
  'a/.',
  'a\0b',
  'a\nb',
  '\x1b',
  'x'.repeat(513),
  `${'d/'.repeat(16)}f`,
  '文'.repeat(86),
  '\ud800',
])('refused: %j', (path) => expect(segmentsOf(path)).toMatchObject({ why: expect.any(String) }));

test.each(['a', 'a/b.txt', '数据/结果.csv', 'a b', '-rf', '...', '.hidden', 'C:\\x'])('taken: %j', (path) =>
  expect(segmentsOf(path)).toEqual(path.split('/')),
);

test('whatever is taken stays beneath, however it is joined', () => {
  const wild = fc.string({ unit: fc.constantFrom('.', '/', 'a', '\\', '\0', '~', '%', '中'), maxLength: 12 });
  fc.assert(
    fc.property(wild, (path) => {
      const segments = segmentsOf(path);
      if ('why' in segments) return;
      const joined = posix.resolve('/tmp/work', segments.join('/'));
      expect(joined).toBe(`/tmp/work/${path}`);
      expect(posix.normalize(path)).toBe(path);
    }),
    { numRuns: 2000 },
  );
});
