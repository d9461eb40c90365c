// What a kill leaves beside the files of the owner: the next start removes its own, and nothing that is called alike.
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FsService, WriteMode } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';

const { write } = FsService.method;
const ALIKE = '.bowline-0123456789abcdef.tmp';
const CONFIG = { config: 'allow:\n  write: [{path: DIR/docs, confirm: never}]\n' };

/** Resolves where the process is to be killed: the temporary file is whole, and nothing is in its place yet. */
const killed = (changes: EdgeRig['changes'], at: 'keep' | 'keepUndo'): Promise<void> =>
  new Promise((resolve) => {
    changes[at] = () => {
      resolve();
      return new Promise(() => {});
    };
  });

test('a kill during a write or an undo leaves no temporary file after the next start', async () => {
  const dir = edgeFolder({ 'docs/港口.md': 'before', [`docs/${ALIKE}`]: 'of the owner' });
  const docs = join(dir, 'docs');
  const here = () => readdirSync(docs).sort();
  const left = () => here().filter((name) => name.startsWith('.bowline-') && name !== ALIKE);
  chmodSync(join(docs, '港口.md'), 0o600);
  const change = { path: 'docs/港口.md', text: 'after', mode: WriteMode.REPLACE };
  const first = await edgeRig(dir, CONFIG);
  let died = killed(first.changes, 'keep');
  void first.call(write, change);
  await died;
  expect(left().map((name) => statSync(join(docs, name)).mode & 0o777)).toEqual([0o600]);
  const second = await edgeRig(dir, CONFIG);
  expect(here()).toEqual([ALIKE, '港口.md'].sort());
  expect((await second.call(write, change, { run: 'r' })).failure).toBeUndefined();
  expect(readdirSync(join(dir, 'home/temporaries'))).toEqual([]);
  died = killed(second.changes, 'keepUndo');
  void second.undoing.undo('r', [], new AbortController().signal);
  await died;
  expect(left()).toHaveLength(1);
  // Of a note that is not whole nothing was made, and one that names anything else is none of ours.
  writeFileSync(join(dir, 'home/temporaries/00000000000000aa'), join(docs, '港口.md'));
  writeFileSync(join(dir, 'home/temporaries/00000000000000bb'), '');
  const third = await edgeRig(dir, CONFIG);
  expect([here(), readdirSync(join(dir, 'home/temporaries'))]).toEqual([[ALIKE, '港口.md'].sort(), []]);
  await third.undoing.undo('r', [], new AbortController().signal);
  expect(readFileSync(join(docs, '港口.md'), 'utf8')).toBe('before');
  await third.close();
});
