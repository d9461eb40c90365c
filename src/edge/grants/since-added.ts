// Whether the file of a document changed on the box since it was added to a collection, by its time alone: nothing of it is read.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { GrantMinted } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { SinceAdded, type Source } from '../../../gen/bowline/run/v1/run_pb.ts';
import { globOf, splitGlob } from '../../base/glob.ts';
import type { Allowlist } from '../allowlist/allowlist.ts';
import type { JudgedPath } from '../allowlist/judge-path.ts';

export type FateOf = (source: Pick<Source, 'path' | 'collection'>) => Promise<SinceAdded>;

/** @param standing the standing grants that are live */
export function fateOfSources(
  standing: () => readonly GrantMinted[],
  allowNow: () => Promise<Pick<Allowlist, 'judgeRead' | 'resolve'>>,
): FateOf {
  return async ({ path, collection }) => {
    if (collection === '' || path === '') return SinceAdded.UNSPECIFIED;
    try {
      const allow = await allowNow();
      const file = allow.judgeRead(path);
      const added = standing().filter((grant) => grant.collection === collection && covers(grant, file, allow));
      const times = added.flatMap(({ createTime }) => (createTime ? [timestampMs(createTime)] : []));
      // One of an earlier version has no time, and may have been the last.
      if (times.length === 0 || times.length < added.length) return SinceAdded.UNSPECIFIED;
      const found = await allow.resolve(file);
      if (!found?.stat.isFile()) return SinceAdded.GONE;
      return Number(found.stat.mtimeMs) > Math.max(...times) ? SinceAdded.CHANGED : SinceAdded.UNSPECIFIED;
    } catch {
      // What may not be looked at any more tells nothing.
      return SinceAdded.UNSPECIFIED;
    }
  };
}

/** Whether a grant was given for a pattern that means this file. */
const covers = (grant: GrantMinted, { path }: JudgedPath, allow: Pick<Allowlist, 'judgeRead'>): boolean =>
  grant.files.some(({ path: pattern }) => {
    const { folder, glob } = splitGlob(pattern);
    try {
      const above = allow.judgeRead(folder === '' ? '.' : folder).path;
      if (glob === '') return path === above || path.startsWith(`${above}/`);
      return path.startsWith(`${above}/`) && globOf(glob).matches(path.slice(above.length + 1));
    } catch {
      return false;
    }
  });
