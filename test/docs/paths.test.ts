// Every path of the repository that a page names exists: in backticks, in code, in links and in running text.
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const PAGES = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'examples/python-worker/README.md',
  ...globSync('docs/**/*.md'),
];
const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).split('\n').filter(Boolean);
const FILES = git('ls-files', '--cached', '--others', '--exclude-standard');
const FOLDERS = new Set(FILES.flatMap((file) => [...file.matchAll(/\//g)].map(({ index }) => file.slice(0, index))));

/** Paths from the root, and in backticks names of sources without their folder. */
function pathsIn(text: string): string[] {
  const rooted = /(?<![\w./~@<-])(?:src|proto|gen|scripts|third_party|docs|test|bench|docker|examples)\/[\w./*-]*/g;
  const short = /`([\w./-]+\.(?:ts|proto))`/g;
  const withoutUrls = text.replaceAll(/https?:\/\/\S+/g, '');
  return [
    ...[...withoutUrls.matchAll(rooted)].map(([path]) => path.replace(/[./-]+$/, '')),
    ...[...withoutUrls.matchAll(short)].map(([, path = '']) => path),
  ];
}

function exists(path: string): boolean {
  if (path.includes('*')) return globSync(path).length > 0;
  return FOLDERS.has(path) || FILES.some((file) => file === path || file.endsWith(`/${path}`));
}

/** Made by a command, so not in the repository: `docker/.env`, `bench/results/`. */
function isMade(path: string): boolean {
  try {
    return git('check-ignore', path, `${path}/`).length > 0;
  } catch {
    return false;
  }
}

test.each(PAGES)('%s names only paths that exist', (page) => {
  const missing = pathsIn(readFileSync(page, 'utf8')).filter((path) => !exists(path) && !isMade(path));
  expect(missing).toEqual([]);
});

test('a path that does not exist is found, in code, in running text and by its file name alone', () => {
  const text =
    'See src/base/none.ts, `none.proto`, `docker/none/` and https://example.org/src/none.ts; src/base/errors.ts is there.';
  expect(pathsIn(text).filter((path) => !exists(path))).toEqual(['src/base/none.ts', 'docker/none', 'none.proto']);
});
