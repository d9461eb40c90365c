// What is never written, whatever the configuration says, by every method that changes something: in a folder that may be written with all
// below it, where these places exist.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FsService, WriteMode } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';
import { pendingOf } from '../../../../test/support/held-calls.ts';

const { write, edit, delete: remove, move, makeFolder } = FsService.method;

const PLACES = [
  '.bowline/config.yaml',
  '.bowline/owner.key',
  '.bashrc',
  '.profile',
  '.zshenv',
  '.ssh/authorized_keys',
  'authorized_keys',
  '.ssh/rc',
  'crontab',
  'cron.d/job',
  'cron.daily/job',
  '.config/systemd/user/x.service',
  '.config/autostart/x.desktop',
  '.config/environment.d/x.conf',
  '.local/bin/tool',
  'Library/LaunchAgents/x.plist',
  '笔记/.git/hooks/pre-commit',
  '笔记/.git/config',
  'bare.git/hooks/update',
  '.gitconfig',
  '.husky/pre-commit',
  '.vscode/tasks.json',
  '.envrc',
  'sub/sitecustomize.py',
];

/** Every file and folder with its content and mode. */
const seen = (dir: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(dir, { withFileTypes: true, recursive: true }).map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const text = entry.isFile() ? readFileSync(path, 'utf8') : 'a folder';
      return [path, `${text} ${statSync(path).mode}`];
    }),
  );

test('no method that changes files reaches what is never written, from it or to it, and the owner is not even asked', async () => {
  const dir = edgeFolder({ 'docs/pad/plain.txt': 'plain', 'docs/pad/moved/.bashrc': 'kept' });
  const hidden = "['**/.*', '**/.*/**']";
  const config = `allow:\n  hidden: ${hidden}\n  write: [{path: DIR/docs/pad, confirm: never}]\n`;
  for (const place of PLACES) {
    mkdirSync(dirname(join(dir, 'docs/pad', place)), { recursive: true });
    writeFileSync(join(dir, 'docs/pad', place), 'kept');
  }
  const rig = await edgeRig(dir, { config });
  onTestFinished(() => rig.close());
  const before = seen(join(dir, 'docs'));
  const refused: string[] = [];
  for (const place of PLACES) {
    const path = `docs/pad/${place}`;
    const beside = `${dirname(path)}/new-${PLACES.indexOf(place)}`;
    const whole = path.split('/').slice(0, 3).join('/');
    const calls = [
      rig.call(write, { path, text: 'evil', mode: WriteMode.REPLACE }),
      rig.call(write, { path, text: 'evil', mode: WriteMode.APPEND }),
      rig.call(edit, { path, edits: [{ oldText: 'kept', newText: 'evil' }] }),
      rig.call(remove, { path }),
      rig.call(move, { path: path, toPath: 'docs/pad/taken.txt' }),
      rig.call(move, { path: whole, toPath: 'docs/pad/taken' }),
      rig.call(move, { path: 'docs/pad/plain.txt', toPath: path }),
      rig.call(makeFolder, { path }),
      ...(dirname(place) === '.' || place.startsWith('sub/')
        ? []
        : [
            rig.call(write, { path: beside, text: 'evil', mode: WriteMode.CREATE }),
            rig.call(move, { path: 'docs/pad/plain.txt', toPath: beside }),
            rig.call(makeFolder, { path: beside }),
          ]),
    ];
    for (const { failure } of await Promise.all(calls)) refused.push(failure ?? `done: ${place}`);
    expect(seen(join(dir, 'docs')), place).toEqual(before);
  }
  expect(refused.filter((reason) => reason.startsWith('done'))).toEqual([]);
  expect(new Set(refused)).toEqual(new Set(['PATH_NOT_ALLOWED']));
  // A folder goes nowhere with one of them in it.
  expect((await rig.call(move, { path: 'docs/pad/moved', toPath: 'docs/pad/gone' })).failure).not.toBeUndefined();
  expect(seen(join(dir, 'docs'))).toEqual(before);
  expect(pendingOf(rig)).toEqual([]);
  // It is no mistake of the test: what may be written is.
  expect(
    (await rig.call(write, { path: 'docs/pad/plain.txt', text: 'new', mode: WriteMode.REPLACE })).failure,
  ).toBeUndefined();
});
