import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { GrantMintedSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { SinceAdded } from '../../../gen/bowline/run/v1/run_pb.ts';
import { edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { fateOfSources } from './since-added.ts';

const ADDED = 1_900_000_000_000;

test('a document whose file was written after it was added is known, also where it was added twice or is gone', async () => {
  const rig = await edgeRig(
    edgeFolder({ 'docs/a.md': 'a', 'docs/sub/b.md': 'b', 'docs/c.txt': 'c', '目录/外.md': 'x' }),
  );
  const grant = (pattern: string, at: number | undefined, collection = 'docs') =>
    create(GrantMintedSchema, {
      id: pattern,
      files: [{ path: pattern }],
      collection,
      ...(at === undefined ? {} : { createTime: timestampFromMs(at) }),
    });
  const live = [grant(join(rig.dir, 'docs'), ADDED), grant('docs/sub/*.md', ADDED + 60_000)];
  const fateOf = fateOfSources(
    () => live,
    async () => rig.allow,
  );
  const written = (path: string, at: number) => utimesSync(join(rig.dir, path), at / 1000, at / 1000);
  const fate = (path: string, collection = 'docs') => fateOf({ path, collection });
  written('docs/a.md', ADDED - 1000);
  expect(await fate('docs/a.md')).toBe(SinceAdded.UNSPECIFIED);
  written('docs/a.md', ADDED + 1000);
  expect(await fate('docs/a.md')).toBe(SinceAdded.CHANGED);
  // It was added again, with its folder.
  written('docs/sub/b.md', ADDED + 30_000);
  expect(await fate('docs/sub/b.md')).toBe(SinceAdded.UNSPECIFIED);
  written('docs/sub/b.md', ADDED + 90_000);
  expect(await fate('docs/sub/b.md')).toBe(SinceAdded.CHANGED);
  rmSync(join(rig.dir, 'docs/c.txt'));
  expect(await fate('docs/c.txt')).toBe(SinceAdded.GONE);
  mkdirSync(join(rig.dir, 'docs/c.txt'));
  expect(await fate('docs/c.txt')).toBe(SinceAdded.GONE);
  // What no grant of this collection covers, or one of an earlier version does, tells nothing.
  for (const [path, collection] of [
    ['docs/a.md', 'other'],
    ['docs/a.md', ''],
    ['/etc/passwd', 'docs'],
    ['../x', 'docs'],
  ] as const)
    expect(await fate(path, collection), path).toBe(SinceAdded.UNSPECIFIED);
  live.push(grant('docs/a.md', undefined));
  expect(await fate('docs/a.md')).toBe(SinceAdded.UNSPECIFIED);
  writeFileSync(join(rig.dir, 'docs/sub/b.md'), 'after all');
  expect(await fate('docs/sub/b.md')).toBe(SinceAdded.UNSPECIFIED);
  await rig.close();
});
