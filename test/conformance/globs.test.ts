// Every place that takes a pattern gives the same answers: List, Search, shares, hidden files, documents left behind, and what a sandboxed
// program leaves.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { FsService } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { Language, RunRequestSchema } from '../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { leftBehind } from '../../src/cli/left-behind.ts';
import { denials } from '../../src/edge/allowlist/denied.ts';
import { findRuntimes } from '../../src/worker/handlers/sandbox/languages.ts';
import { leftFiles } from '../../src/worker/handlers/sandbox/left-files.ts';
import { planRun } from '../../src/worker/handlers/sandbox/plan-run.ts';
import { SANDBOX_DEFAULTS } from '../../src/worker/handlers/sandbox/sandbox-settings.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../support/edge-rig.ts';
import { GLOB_TABLE, type GlobRow } from '../support/glob-table.ts';

/** Each row has a folder of its own with one file in it. */
const ROWS = GLOB_TABLE.map((row, n) => ({ ...row, folder: `docs/d${n}` }));
type Placed = (typeof ROWS)[number];

async function withFiles(work: (rig: EdgeRig) => Promise<void>): Promise<void> {
  const files = Object.fromEntries(ROWS.map(({ folder, path }) => [`${folder}/${path}`, 'x']));
  const rig = await edgeRig(edgeFolder(files), { config: "allow: {hidden: ['**/.hid.md', '**/.md', '**/.dot']}\n" });
  await work(rig);
  await rig.close();
}

/** The rows to which a place gives another answer than the table. */
async function wrong(rows: readonly Placed[], meant: (row: Placed) => Promise<boolean> | boolean): Promise<GlobRow[]> {
  const others: GlobRow[] = [];
  for (const { pattern, path, answer, ...row } of rows) {
    if ((await meant({ pattern, path, answer, ...row })) !== answer) others.push({ pattern, path, answer });
  }
  return others;
}

/** In List and Search a pattern with a slash is for the path below the root. */
const belowRoot = ({ folder, pattern }: Placed) =>
  pattern.includes('/') ? `${folder.slice('docs/'.length)}/${pattern}` : pattern;

test('fs.List', () =>
  withFiles(async (rig) => {
    const list = async (row: Placed) => {
      const request = { path: row.folder, recursive: true, glob: belowRoot(row) };
      const { messages } = await rig.call(FsService.method.list, request);
      return messages[0]!.files.some(({ path }) => path === `${row.folder}/${row.path}`);
    };
    expect(await wrong(ROWS, list)).toEqual([]);
  }));

test('fs.Search', () =>
  withFiles(async (rig) => {
    const search = async (row: Placed) => {
      const { messages } = await rig.call(FsService.method.search, { path: row.folder, glob: belowRoot(row) });
      return messages[0]!.matches.length > 0;
    };
    expect(await wrong(ROWS, search)).toEqual([]);
  }));

test('shares', () =>
  withFiles(async (rig) => {
    const share = ({ folder, pattern }: Placed) =>
      rig.shares.resolve([{ pattern: `${folder}/${pattern}` }]).then(
        (files) => files.length > 0,
        () => false,
      );
    expect(await wrong(ROWS, share)).toEqual([]);
  }));

test('allow.hidden', async () => {
  const root = { name: 'docs', path: '/docs', realPath: '/docs', readable: true };
  const dotted = ROWS.filter(({ path }) => /(^|\/)\./.test(path));
  expect(dotted.length).toBeGreaterThan(5);
  const open = ({ pattern, path }: Placed) => !denials([], [pattern]).below(`/docs/${path}`, { root });
  expect(await wrong(dotted, open)).toEqual([]);
});

test('documents whose files are gone', async () => {
  const kept = ({ pattern, path }: Placed) =>
    leftBehind([{ name: 'docs', glob: pattern }], [{ id: `docs/${path}`, sha256: Buffer.of(1) }], [], []).length > 0;
  expect(await wrong(ROWS, kept)).toEqual([]);
});

test('what a sandboxed program leaves', async () => {
  const dir = edgeFolder();
  const runtimes = await findRuntimes('/node/of/the/worker');
  // Paths that are not in their simplest form are refused there.
  const rows = ROWS.filter(({ pattern }) => !/(^|\/)\.?(\/|$)/.test(pattern));
  const left = async ({ folder, path, pattern }: Placed) => {
    const place = join(dir, folder);
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), 'x');
    const request = create(RunRequestSchema, { language: Language.SHELL, code: 'true', outputs: [pattern] });
    const { globs } = planRun(request, runtimes, SANDBOX_DEFAULTS, 1e6);
    return (await leftFiles(place, globs, [], { bytes: 1000, files: 10 })).files.length > 0;
  };
  expect(await wrong(rows, left)).toEqual([]);
});
