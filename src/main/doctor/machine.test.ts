// What `doctor` says of a machine that is too small or lacks a program; what it tells to type is typed as far as a machine that is not so allows.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NEEDED_MB } from '../machine-memory.ts';
import { keptIn, memory, roomFor, sandbox } from './machine.ts';

test('too little memory is a warning with the way that needs less here, and enough is none', () => {
  expect(memory(NEEDED_MB)).toMatchObject({ state: 'ok' });
  const { state, text, remedy } = memory(NEEDED_MB - 1);
  expect([state, text]).toEqual(['warning', expect.stringContaining(`needs ${NEEDED_MB} MB`)]);
  // test/tooling/printed-commands.test.ts reads that the command line takes them.
  for (const command of ['bowline control', 'bowline worker', 'bowline edge', 'bowline up --force'])
    expect(remedy).toContain(`\`${command}\``);
});

test('a missing bubblewrap is a warning; the package that it names is the one that is there then', async (context) => {
  const { state, remedy = '' } = await sandbox(['/nowhere/bwrap']);
  expect(state).toBe('warning');
  const [command = ''] = remedy.split(',');
  expect(command).toMatch(/^apt-get install \w+$/);
  if (!existsSync('/usr/bin/bwrap') || !existsSync('/usr/bin/dpkg-query')) context.skip('no bubblewrap of Debian here');
  const owner = execFileSync('dpkg-query', ['-S', '/usr/bin/bwrap'], { encoding: 'utf8' });
  expect(`apt-get install ${owner.split(':')[0]}`).toBe(command);
  expect(await sandbox()).toMatchObject({ state: 'ok' });
});

test.each([
  [['control', 'edge'], false, 'the database takes no writes'],
  [['edge'], false, 'the journal may take no writes'],
  [['control', 'edge'], true, 'the journal may take no writes'],
  [['control'], true, 'logs and small files'],
  [['worker'], false, 'logs and small files'],
  [[], false, 'the database takes no writes'],
] as const)(
  'a full disk is told by what a home of %j keeps there (database elsewhere: %s)',
  (roles, external, text) => {
    expect(roomFor(4096, '/家', keptIn(roles, external))).toMatchObject({
      state: 'fault',
      text: expect.stringContaining(text),
    });
  },
);
