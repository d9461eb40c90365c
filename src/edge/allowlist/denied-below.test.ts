import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { edgeFolder } from '../../../test/support/edge-rig.ts';
import { deniedBelow } from './denied-below.ts';

const NEVER = new AbortController().signal;

/** A folder with others in it, each with files. */
function tree(): string {
  const dir = join(edgeFolder(), 'docs');
  for (let folder = 0; folder < 10; folder++) {
    mkdirSync(join(dir, `f${folder}`));
    for (let file = 0; file < 10; file++) writeFileSync(join(dir, `f${folder}/${file}.md`), '');
  }
  return dir;
}

test('the outermost of what is denied is found, within the entries that may be looked at', async () => {
  const dir = tree();
  const denied = (path: string) => path.startsWith(join(dir, 'f3')) || path.endsWith('/7.md');
  const found = await deniedBelow(dir, denied, 1000, NEVER);
  const expected = ['f3', ...[0, 1, 2, 4, 5, 6, 7, 8, 9].map((n) => `f${n}/7.md`)].map((name) => join(dir, name));
  expect(found.map(({ path }) => path).sort()).toEqual(expected.sort());
  await expect(deniedBelow(dir, denied, 50, NEVER)).rejects.toMatchObject({ reason: 'COMMAND_VIEW_TOO_LARGE' });
});

test('when the time is up nothing more is looked at', async () => {
  const dir = tree();
  for (const last of [1, 2, 11, 57, 109]) {
    const stop = new AbortController();
    const why = new Error('time is up');
    let looks = 0;
    const look = () => {
      if (++looks === last) stop.abort(why);
      return false;
    };
    await expect(deniedBelow(dir, look, 1000, stop.signal)).rejects.toBe(why);
    expect(looks).toBe(last);
  }
});
