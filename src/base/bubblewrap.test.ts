import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BubblewrapWay, bubblewrapsIn, firstWay, systemOptions } from './bubblewrap.ts';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'bubblewrap-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('only what may be started is found', async () => {
  const places = ['none', 'plain', 'one', 'two'].map((name) => join(folder, name));
  for (const place of places.slice(1)) writeFileSync(place, '');
  for (const place of places.slice(2)) chmodSync(place, 0o755);
  expect(await bubblewrapsIn(places)).toEqual({ found: places.slice(2), places });
});

test('the safest way that works is taken; without a filter the kernel must refuse user namespaces', async () => {
  const tried = async (filtered: boolean, answer: (way: BubblewrapWay) => boolean) => {
    const ways: string[] = [];
    const way = await firstWay(filtered, async (one) => {
      ways.push(`${one.usersOff ? 'off' : 'on'} ${one.proc ? 'proc' : 'none'}`);
      return answer(one);
    });
    return { ways, way };
  };
  const none = await tried(true, () => false);
  expect(none).toEqual({ ways: ['off proc', 'off none', 'on proc', 'on none'], way: undefined });
  expect((await tried(false, () => false)).ways).toEqual(['off proc', 'off none']);
  expect((await tried(true, ({ proc }) => !proc)).way).toEqual({ proc: false, usersOff: true });
});

test('files are bound read-only where they lie, links of folders stay links, and what is not there is left out', async () => {
  const at = (name: string) => join(folder, name);
  for (const name of ['usr', 'lib']) mkdirSync(at(name));
  writeFileSync(at('real'), '');
  symlinkSync('real', at('etc'));
  symlinkSync('usr/bin', at('bin'));
  const options = await systemOptions({
    paths: [at('usr'), at('etc'), at('none')],
    oldFolders: [at('bin'), at('lib'), at('lib32')],
  });
  expect(options.join(' ')).toMatch(
    `--ro-bind ${at('usr')} ${at('usr')} --ro-bind ${at('real')} ${at('etc')} --symlink usr/bin ${at('bin')} --ro-bind ${at('lib')} ${at('lib')} --dir /dev`,
  );
  expect(options.join(' ')).not.toMatch(/none|lib32/);
});
