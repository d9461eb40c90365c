import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SkipReason } from '../../../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { globOf } from '../../../base/glob.ts';
import { leftFiles } from './left-files.ts';

const LIMITS = { bytes: 1000, files: 5 };
const EVERYTHING = [globOf('**')];
const SECRET = 'vkqwe-zxmpl';
let folder: string;
let outside: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'bowline-test-left-')));
  outside = mkdtempSync(join(tmpdir(), 'bowline-test-outside-'));
  writeFileSync(join(outside, 'secret.txt'), SECRET);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(outside, { recursive: true, force: true });
});

const paths = (files: readonly { path?: string }[]) => files.map(({ path }) => path);

test('nothing is given back without a pattern, and the program itself never', async () => {
  writeFileSync(join(folder, 'main.py'), 'x');
  writeFileSync(join(folder, 'a.txt'), 'x');
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'sub/main.py'), 'x');
  expect(await leftFiles(folder, [], ['main.py'], LIMITS)).toEqual({ files: [], skipped: [] });
  const { files } = await leftFiles(folder, EVERYTHING, ['main.py'], LIMITS);
  expect(paths(files)).toEqual(['a.txt', 'sub/main.py']);
});

test('text is text and bytes are bytes, exactly', async () => {
  writeFileSync(join(folder, 'bom.txt'), '\ufeff好\0');
  writeFileSync(join(folder, 'bytes'), Buffer.from([0xff, 0xfe]));
  const { files } = await leftFiles(folder, [globOf('*')], [], LIMITS);
  expect(files).toEqual([
    { path: 'bom.txt', body: { case: 'text', value: '\ufeff好\0' } },
    { path: 'bytes', body: { case: 'data', value: Buffer.from([0xff, 0xfe]) } },
  ]);
});

test('what does not fit is told, what does is still given', async () => {
  writeFileSync(join(folder, 'a'), 'x'.repeat(600));
  writeFileSync(join(folder, 'b'), 'x'.repeat(600));
  for (const name of ['c', 'd', 'e', 'f', 'g']) writeFileSync(join(folder, name), name);
  const { files, skipped } = await leftFiles(folder, [globOf('*')], [], LIMITS);
  expect(paths(files)).toEqual(['a', 'c', 'd', 'e', 'f']);
  expect(skipped).toEqual([
    { path: 'b', why: SkipReason.TOO_LARGE },
    { path: 'g', why: SkipReason.TOO_MANY },
  ]);
});

test('a folder beneath another is opened by itself: depth and number have their bounds', async () => {
  mkdirSync(join(folder, Array.from({ length: 20 }, () => 'd').join('/')), { recursive: true });
  for (let i = 0; i < 200; i++) symlinkSync('x', join(folder, `link${i}`));
  const { files, skipped } = await leftFiles(folder, EVERYTHING, [], LIMITS);
  expect(files).toEqual([]);
  expect(skipped).toHaveLength(128);
  expect(skipped[0]).toEqual({ path: Array.from({ length: 17 }, () => 'd').join('/'), why: SkipReason.TOO_MANY });
});

test('a pipe without a writer keeps nobody waiting', async () => {
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  expect(await leftFiles(folder, [globOf('*')], [], LIMITS)).toEqual({
    files: [],
    skipped: [{ path: 'pipe', why: SkipReason.SPECIAL }],
  });
});

test('whatever a program leaves, only regular files beneath its folder come back, with their own content', async () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd e', '中');
  const place = fc.array(name, { minLength: 1, maxLength: 3 });
  const thing = fc.oneof(
    fc.record({ kind: fc.constant('file' as const), place, text: fc.string({ maxLength: 20 }) }),
    fc.record({ kind: fc.constant('folder' as const), place }),
    fc.record({
      kind: fc.constant('link' as const),
      place,
      to: fc.constantFrom('OUTSIDE', 'OUTSIDE/secret.txt', '..', '.', 'a', '../../..', '/'),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(thing, { maxLength: 12 }), async (things) => {
      const root = mkdtempSync(join(folder, 'root-'));
      const written = new Map<string, string>();
      for (const one of things) {
        const path = one.place.join('/');
        try {
          // Never through a link that was made before.
          if (realpathSync(dirname(join(root, path))) !== dirname(join(root, path))) continue;
          if (one.kind === 'folder') mkdirSync(join(root, path));
          else if (one.kind === 'link') symlinkSync(one.to.replace('OUTSIDE', outside), join(root, path));
          else {
            writeFileSync(join(root, path), one.text, { flag: 'wx' });
            written.set(path, one.text);
          }
        } catch {
          // The place is taken, or its folder is not there.
        }
      }
      const { files, skipped } = await leftFiles(root, EVERYTHING, [], { bytes: 10_000, files: 100 });
      for (const { path = '', body } of files) {
        expect(path).not.toMatch(/(^|\/)\.\.?(\/|$)|^\//);
        expect(body?.value).not.toContain(SECRET);
        expect(written.get(path)).toBe(body?.value);
      }
      for (const { path = '' } of skipped) expect(written.has(path)).toBe(false);
    }),
    { numRuns: 150 },
  );
});
