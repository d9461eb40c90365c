// What changed between a preview and its yes: in which folders it is done, and what comes of it with what is there by now.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { command, giveAway, problem, start, tree, whatIsThere } from '../../../../../test/support/preview-rig.ts';

beforeEach((context) => {
  if (problem !== '') context.skip(problem);
});

test('a folder that changes go into is the one that was shown, also where another took its name, and no repository by now', async () => {
  const { work, rig, show, run } = await start('mkdir old/hooks; echo n > old/hooks/update; echo m > old/deep/m.txt');
  const bare = join(work, 'lager');
  for (const part of ['objects', 'refs', 'deep']) mkdirSync(join(bare, part), { recursive: true });
  giveAway(bare);
  for (const change of [
    () => {
      renameSync(join(work, 'old'), join(work, '移'));
      renameSync(bare, join(work, 'old'));
    },
    // What was shown is there, and became a repository.
    () => {
      for (const part of ['objects', 'refs']) mkdirSync(join(work, 'old', part));
      writeFileSync(join(work, 'old/HEAD'), 'ref: refs/heads/main\n');
    },
  ]) {
    const shown = await show();
    expect(command(shown).preview?.changes).toHaveLength(3);
    change();
    const before = tree(work).map(whatIsThere);
    expect([String(change), (await run(shown)).failure]).toEqual([String(change), 'APPROVAL_CHANGED']);
    expect(tree(work).map(whatIsThere)).toEqual(before);
    for (const part of ['HEAD', 'objects', 'refs']) rmSync(join(work, 'old', part), { recursive: true, force: true });
    rmSync(join(work, '移'), { recursive: true, force: true });
  }
  // While it is done.
  for (const [at, why] of [
    ['begin', 'APPROVAL_CHANGED'],
    ['change 1', 'PREVIEW_UNCLEAR'],
  ] as const) {
    const shown = command(await show());
    const done = rig.parts.preview.store.commit(
      shown,
      async () => {},
      (name) => {
        if (name !== at) return;
        renameSync(join(work, 'old'), join(work, at));
        mkdirSync(join(work, 'old/deep'), { recursive: true });
        giveAway(join(work, 'old'));
      },
    );
    await expect(done).rejects.toMatchObject({ reason: why });
    expect(readdirSync(join(work, 'old'), { recursive: true })).toEqual(['deep']);
  }
}, 30_000);

test('a pipe that took the place of what is to come is a change like any other: nothing was done, and that is said', async () => {
  const { work, rig, show } = await start('echo n > neu.txt');
  const shown = command(await show());
  const done = rig.parts.preview.store.commit(
    shown,
    async () => {},
    (name) => {
      if (name === 'begin') execFileSync('mkfifo', [join(work, 'neu.txt')]);
    },
  );
  await expect(done).rejects.toMatchObject({ reason: 'APPROVAL_CHANGED' });
  expect(statSync(join(work, 'neu.txt')).isFIFO()).toBe(true);
});

test('two previews that together make a repository of git: the second is not done, whichever it is', async () => {
  const { dir, work, show, run } = await start('mkdir -p old/hooks; echo n > old/hooks/update; echo n > old/HEAD');
  const first = await show();
  writeFileSync(join(dir, 'run.sh'), 'mkdir old/objects old/refs');
  const second = await show();
  writeFileSync(join(dir, 'run.sh'), 'mkdir -p old/hooks; echo n > old/hooks/update; echo n > old/HEAD');
  expect((await run(first)).failure).toBe('');
  const before = tree(work).map(whatIsThere);
  writeFileSync(join(dir, 'run.sh'), 'mkdir old/objects old/refs');
  expect((await run(second)).failure).toBe('APPROVAL_CHANGED');
  expect(tree(work).map(whatIsThere)).toEqual(before);
}, 30_000);

test('a file without content of any size is not read to its end', async () => {
  const { work, show } = await start('truncate -s 7E big 2> /dev/null || truncate -s 1T big');
  const before = tree(work);
  await expect(show()).rejects.toMatchObject({
    reason: 'PREVIEW_REFUSED',
    message: expect.stringContaining('more bytes than limits.command_disk_bytes'),
  });
  expect(tree(work)).toEqual(before);
}, 30_000);
