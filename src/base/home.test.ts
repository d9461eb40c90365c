import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expandHome, homeFolder } from './home.ts';
import { lockHome } from './home-lock.ts';

test('the home is the flag, else the environment, else below the user\u2019s folder, never the folder one is in', () => {
  expect(homeFolder('/a', { BOWLINE_HOME: '/b', HOME: '/c' })).toBe('/a');
  expect(homeFolder(undefined, { BOWLINE_HOME: '/b', HOME: '/c' })).toBe('/b');
  expect(homeFolder(undefined, { HOME: '/c' })).toBe('/c/.bowline');
  for (const env of [{}, { HOME: '' }]) expect(homeFolder(undefined, env)).toBe(join(userInfo().homedir, '.bowline'));
});

test.each([
  ['~', '/u'],
  ['~/notes', '/u/notes'],
  ['~x/notes', '~x/notes'],
  ['a/~/b', 'a/~/b'],
])('%s is %s', (path, expanded) => expect(expandHome(path, { HOME: '/u' })).toBe(expanded));

test('a home that is open to others is closed when a program takes it', () => {
  const home = mkdtempSync(join(tmpdir(), 'bowline-home-'));
  chmodSync(home, 0o755);
  lockHome(home, 'edge').release();
  expect(statSync(home).mode & 0o777).toBe(0o700);
  rmSync(home, { recursive: true });
});
