// Where the paths that a command's words could mean lead, all links followed.
import { realpath } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { WordPath } from '../config/word-paths.ts';

/** Also by their letters: what is not there yet may come. */
export async function followed(paths: readonly WordPath[]): Promise<Pick<WordPath, 'path'>[]> {
  const all: Pick<WordPath, 'path'>[] = [...paths];
  for (const { path, asWritten } of paths) {
    all.push({ path: await realPathOf(path) });
    if (asWritten.includes('..')) all.push({ path: await realPathOf(asWritten) });
  }
  return all;
}

/** Of what is not there, the place that it would have: that of the next folder above that is there. */
async function realPathOf(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const found = await realpath(at).catch(() => undefined);
    if (found !== undefined) return join(found, relative(at, path));
    if (at === dirname(at)) return path;
  }
}
