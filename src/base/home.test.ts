import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expandHome, homeFolder, homePaths } from './home.ts';
import { lockHome } from './home-lock.ts';
import { isStarting, noteWait, notRunning } from './is-starting.ts';

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

test('a home starts from its lock until its control plane says where it listens, whatever an earlier one left', () => {
  const home = mkdtempSync(join(tmpdir(), 'bowline-home-'));
  const paths = homePaths(home);
  mkdirSync(paths.control);
  writeFileSync(paths.controlInfo, '{}');
  utimesSync(paths.controlInfo, 1, 1);
  expect(isStarting(paths)).toBe(false);
  const lock = lockHome(home, 'control');
  expect(isStarting(paths)).toBe(true);
  expect(notRunning(paths, 'x')).toMatchObject({ reason: 'STARTING' });
  noteWait(home, 'waiting for the database: 没有\n回答');
  expect(notRunning(paths, 'x').message).toBe(
    `Bowline is starting with the home ${home}: waiting for the database: 没有 回答`,
  );
  writeFileSync(paths.controlInfo, '{}');
  expect(isStarting(paths)).toBe(false);
  // What is said later does not make it start again.
  noteWait(home, 'the disk is nearly full');
  expect(notRunning(paths, 'x')).toMatchObject({ reason: 'NOT_RUNNING' });
  rmSync(paths.controlInfo);
  expect(isStarting(paths)).toBe(true);
  lock.release();
  expect(isStarting(paths)).toBe(false);
  for (const pid of ['0', '-1', 'x', '4194304']) {
    writeFileSync(join(home, 'control.pid'), pid);
    expect(isStarting(paths), pid).toBe(false);
  }
  rmSync(home, { recursive: true });
});
