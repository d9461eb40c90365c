// A command that is tried on a copy, in a real overlay and real bubblewrap: what is shown, that no leaves everything as it was, and that yes
// does exactly what was shown.
import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { FileAction } from '../../../../../gen/bowline/approval/v1/approval_pb.ts';
import { ShellService } from '../../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { edgeRig } from '../../../../../test/support/edge-rig.ts';
import { answer, pendingOf, reasonOf, sessionOf } from '../../../../../test/support/held-calls.ts';
import {
  command,
  giveAway,
  isolation,
  OWNER,
  prepared,
  problem,
  root,
  start,
  tree,
  whatIsThere,
} from '../../../../../test/support/preview-rig.ts';
import { StepEnded } from './commit-plan.ts';
import { Previews } from './previews.ts';

beforeEach((context) => {
  if (problem !== '') context.skip(problem);
});

const ACTIONS = new Map<number, string>(Object.entries(FileAction).map(([name, action]) => [Number(action), name]));

const MIXED = `echo three >> a.txt; echo 新 > 你好.txt; rm gone.txt; rm -r old; mkdir old; echo z > old/z.txt; chmod 600 kept.txt
mkdir new; echo made > new/made.txt; chmod 755 new/made.txt; ln -s made.txt new/link; cat .env; echo said; exit 3`;

test('what it rewrites, deletes and makes is shown; no leaves the folder byte for byte; yes does exactly that', async () => {
  const { work, show, run } = await start(MIXED);
  const before = tree(work);
  const shown = await show();
  expect(tree(work)).toEqual(before);
  const { preview, noPreview } = command(shown);
  expect(preview?.notUndone).toBe('');
  expect(noPreview).toBe('');
  expect(preview).toMatchObject({ exitCode: 3, signal: '', output: 'said\n' });
  const told = preview!.changes.map(({ action, path }) => `${ACTIONS.get(action)} ${path}`);
  expect(told.sort()).toEqual(
    [
      ...['CHANGE work/a.txt', 'CHANGE work/kept.txt', 'CHANGE work/你好.txt', 'CREATE work/new/link'],
      ...['CREATE work/new/made.txt', 'CREATE work/old/z.txt', 'DELETE work/gone.txt', 'DELETE work/old/deep'],
      ...['DELETE work/old/deep/y.txt', 'DELETE work/old/x.txt', 'MAKE_FOLDER work/new'],
    ].sort(),
  );
  const of = (path: string) => preview!.changes.find((change) => change.path === path)!;
  expect(of('work/a.txt').diff).toBe('@@ -1,2 +1,3 @@\n one\n two\n+three\n');
  expect(of('work/new/link')).toMatchObject({ after: { linkTarget: 'made.txt' }, diff: '' });
  expect(of('work/kept.txt')).toMatchObject({ before: { mode: 0o644 }, after: { mode: 0o600 }, diff: '' });
  expect(await run(shown)).toEqual({ failure: '', exit: 3, out: 'said\n' });
  expect(readFileSync(join(work, 'a.txt'), 'utf8')).toBe('one\ntwo\nthree\n');
  expect(readFileSync(join(work, 'new/link'), 'utf8')).toBe('made\n');
  expect(readdirSync(join(work, 'old'))).toEqual(['z.txt']);
  expect(existsSync(join(work, 'gone.txt'))).toBe(false);
  expect(lstatSync(join(work, 'kept.txt')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(work, '.env'), 'utf8')).toBe('SECRET=1\n');
  if (root) expect(lstatSync(join(work, 'new/made.txt')).uid).toBe(OWNER);
  // It does not run, and nothing is done, a second time for the same yes.
  const after = tree(work);
  expect((await run(shown)).failure).toBe('APPROVAL_CHANGED');
  expect(tree(work)).toEqual(after);
}, 30_000);

test('what is kept for a yes is gone after a no, and the oldest goes where there are too many', async () => {
  const { dir, rig, show, discard, run } = await start('echo three >> a.txt; date +%N > n.txt');
  const kept = () => readdirSync(join(dir, 'home/previews'));
  const shown = await show();
  expect(kept()).toHaveLength(1);
  await discard(shown);
  expect(kept()).toEqual([]);
  expect((await run(shown)).failure).toBe('APPROVAL_CHANGED');
  for (let n = 0; n < 40; n++) mkdirSync(join(dir, `home/previews/${n}`));
  const last = await show();
  expect(kept().length).toBeLessThanOrEqual(32);
  expect((await run(last)).failure).toBe('');
  expect(rig.fatal).toEqual([]);
}, 30_000);

test('a preview waits for its yes over a restart of the box, and nothing runs a second time', async () => {
  const { dir, work, rig, config, close } = await start('date +%s%N > n.txt; cat n.txt');
  const request = { argv: ['sh', join(dir, 'run.sh')] };
  await sessionOf(rig).send(ShellService.method.run, request, { run: 'r', key: 'k' });
  const [asked] = pendingOf(rig);
  const { effect } = asked!.effect!;
  const said = effect.case === 'command' ? effect.value.preview!.output : '';
  expect(said).toMatch(/^[0-9]+\n$/);
  await close();
  const again = await edgeRig(dir, { config, isolation: async () => isolation });
  onTestFinished(() => again.close());
  const session = sessionOf(again);
  await session.send(ShellService.method.run, request, { run: 'r', key: 'k', epoch: 2n });
  expect(pendingOf(again)).toMatchObject([{ id: asked!.id }]);
  expect(existsSync(join(work, 'n.txt'))).toBe(false);
  await answer(again, true);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['done']), { timeout: 10_000 });
  expect(readFileSync(join(work, 'n.txt'), 'utf8')).toBe(said);
}, 30_000);

test('what was tried for a call that ended goes with its end, and what an end of the box left at the start', async () => {
  const { dir, work, rig, config, close } = await start('date +%s%N > n.txt');
  const kept = () => readdirSync(join(dir, 'home/previews'));
  const request = { argv: ['sh', join(dir, 'run.sh')] };
  const session = sessionOf(rig);
  await session.send(ShellService.method.run, request, { run: 'r', key: 'k' });
  expect(kept()).toHaveLength(1);
  await answer(rig, false);
  await vi.waitFor(() => expect(kept()).toEqual([]), { timeout: 10_000 });
  await session.send(ShellService.method.run, request, { run: 's', key: 'l', job: 's/0/0' });
  const before = kept();
  writeFileSync(join(work, 'n.txt'), 'mine\n');
  await answer(rig, true);
  await vi.waitFor(() => expect(pendingOf(rig)).toHaveLength(1), { timeout: 10_000 });
  await vi.waitFor(() => expect(kept()).toHaveLength(1), { timeout: 10_000 });
  expect(kept()).not.toEqual(before);
  const waiting = kept();
  await close();
  mkdirSync(join(dir, 'home/previews/left'));
  const scratch = await rig.parts.preview.store.scratch();
  const again = await edgeRig(dir, { config, isolation: async () => isolation });
  onTestFinished(() => again.close());
  expect(kept()).toEqual(waiting);
  expect(existsSync(scratch)).toBe(false);
}, 30_000);

test('many long texts are shown within bounds: all are listed, the first with their lines', async () => {
  const { show } = await start(
    'seq 20000 | head -c 65000 > one; for n in $(seq 60); do ln one f$n 2>/dev/null || cp one f$n; done',
    '}\nlimits: {command_disk_bytes: 104857600',
  );
  const { preview } = command(await show());
  expect(preview?.changes).toHaveLength(61);
  const bytes = preview!.changes.reduce((sum, { diff }) => sum + Buffer.byteLength(diff), 0);
  expect(bytes).toBeGreaterThan(100_000);
  expect(bytes).toBeLessThanOrEqual(128 << 10);
  expect(
    preview!.changes.every(({ diff, diffLinesCut, after }) => after && (diff !== '' || diffLinesCut > 10_000n)),
  ).toBe(true);
}, 60_000);

test('a file that changed, came or went between preview and yes: nothing is done', async () => {
  const { work, show, run } = await start('echo three >> a.txt; rm gone.txt; echo n > n.txt');
  for (const change of [
    () => writeFileSync(join(work, 'a.txt'), 'one\nTWO\n'),
    () => writeFileSync(join(work, 'n.txt'), 'mine\n'),
    () => {
      writeFileSync(join(work, 'gone.txt'), 'else\n');
    },
  ]) {
    const shown = await show();
    change();
    const before = tree(work);
    expect((await run(shown)).failure).toBe('APPROVAL_CHANGED');
    expect(tree(work)).toEqual(before);
  }
}, 30_000);

test('what cannot be shown and done again is refused, and changes nothing', async () => {
  for (const [script, what] of [
    ['mkfifo pipe', 'a device, a pipe or a socket'],
    ['ln -s /etc/passwd link', 'a link that leads out of its folder'],
    ['ln -s ../../x link', 'a link that leads out of its folder'],
    ['echo x > .netrc', 'a file that is out of reach'],
    ['mkdir .git; echo x > .git/config', 'a file that is out of reach'],
    ['mkdir lager lager/objects lager/refs; echo x > lager/HEAD', 'a file of a git repository'],
    ['echo x > run; chmod 4755 run', 'a program that runs as another user'],
    ['echo x > "a $SECRET.txt"', 'a name, or the target of a link, that holds the value of a secret'],
    ['mkdir "$SECRET"', 'a name, or the target of a link, that holds the value of a secret'],
    ['ln -s "$SECRET" link', 'a name, or the target of a link, that holds the value of a secret'],
    ['mkdir $(seq 1001)', 'more changes than the limit of 1000'],
    ['n=0; while [ $n -lt 900 ]; do mkdir d; cd d; n=$((n+1)); done', 'a longer list of changes than the limit of'],
    [`ln -s "$(printf 'u\\377y')" link`, 'a link to a name that is not UTF-8'],
  ] as const) {
    const { work, show } = await start(script);
    const before = tree(work);
    await expect(show()).rejects.toMatchObject({ reason: 'PREVIEW_REFUSED', message: expect.stringContaining(what) });
    expect(tree(work)).toEqual(before);
  }
}, 60_000);

test('what it writes on a copy has a bound', async () => {
  const { work, show } = await start(
    'head -c 9000000 /dev/zero > big 2> /dev/null; stat -c %s big',
    '}\nlimits: {command_disk_bytes: 1048576',
  );
  const before = tree(work);
  const { preview } = command(await show());
  expect(tree(work)).toEqual(before);
  expect(Number(preview?.output)).toBeGreaterThan(0);
  expect(Number(preview?.output)).toBeLessThanOrEqual(1 << 20);
}, 30_000);

test('where there is no preview it is said why, and after the yes it changes its folders itself', async () => {
  const { work, rig, show } = await start(
    'echo three >> a.txt; echo x > ../outside; cat .env; echo over > .env; echo x > lager/config; rm -r lager',
  );
  // A repository of git, whatever its name is.
  for (const part of ['objects', 'refs']) mkdirSync(join(work, 'lager', part), { recursive: true });
  writeFileSync(join(work, 'lager/HEAD'), 'ref: refs/heads/main\n');
  giveAway(join(work, 'lager'));
  const lager = tree(join(work, 'lager'));
  const parts = { ...rig.parts, preview: { ...rig.parts.preview, problem: 'no overlays on the moon' } };
  const shown = await show();
  expect(command(shown).preview?.changes).toHaveLength(1);
  const without = prepared({ ...rig, parts }, ['sh', join(work, '../run.sh')]);
  const effect = command(await without.show());
  expect([effect.noPreview, effect.preview]).toEqual(['no overlays on the moon', undefined]);
  expect(effect.limits).toContain(`reads and changes ${work}`);
  if (root) {
    chownSync(work, 0, 0);
    const { limits } = command(await without.show());
    expect(limits).toEqual(
      expect.arrayContaining([
        `reads ${work}`,
        'can change nothing it was given to change: its folder belongs to root, and no command runs as root; chown to one other user mends that',
      ]),
    );
    expect(limits.join()).not.toContain('reads and changes');
    chownSync(work, OWNER, OWNER);
  }
  expect((await without.run(await without.show())).failure).toBe('');
  expect(readFileSync(join(work, 'a.txt'), 'utf8')).toBe('one\ntwo\nthree\n');
  expect(readFileSync(join(work, '.env'), 'utf8')).toBe('SECRET=1\n');
  expect(existsSync(join(work, '../outside'))).toBe(false);
  expect(tree(join(work, 'lager'))).toEqual(lager);
}, 30_000);

test('a commit that ends in the middle is finished at the next start, or taken back where a file changed since', async () => {
  const { dir, work, rig, show } = await start(MIXED);
  const before = tree(work).map(whatIsThere);
  for (const [at, meddle] of [
    [2, true],
    [5, false],
  ] as const) {
    const shown = command(await show());
    const ended = rig.parts.preview.store.commit(
      shown,
      async () => {},
      (name) => {
        if (name === `change ${at}`) throw new StepEnded();
      },
    );
    await expect(ended).rejects.toBeInstanceOf(StepEnded);
    expect(tree(work).map(whatIsThere)).not.toEqual(before);
    if (meddle) {
      mkdirSync(join(work, 'new'));
      writeFileSync(join(work, 'new/mine'), '');
    }
    const again = new Previews(join(dir, 'home/previews'), 1 << 26);
    const { finished, takenBack, unclear } = await again.recover([]);
    expect([finished, takenBack, unclear]).toEqual(meddle ? [0, 1, 0] : [1, 0, 0]);
    if (meddle) {
      expect(
        tree(work)
          .map(whatIsThere)
          .filter((line) => !line.startsWith('new')),
      ).toEqual(before);
      rmSync(join(work, 'new'), { recursive: true });
    }
  }
  expect(readFileSync(join(work, 'a.txt'), 'utf8')).toBe('one\ntwo\nthree\n');
  expect(readdirSync(join(work, 'old'))).toEqual(['z.txt']);
}, 30_000);
