// What a printed command is called: as its reader called the program, so that it works when it is typed.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { asCalled } from '../../src/base/called-as.ts';
import { VERBS } from '../../src/main/verbs.ts';
import { ROOT } from '../support/stack.ts';

vi.setConfig({ testTimeout: 60_000 });

let dir: string;
beforeAll(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'called-as-')));
  for (const folder of ['bin', 'my tools', 'node_modules', 'node_modules/.bin', 'empty']) {
    mkdirSync(join(dir, folder));
    if (folder !== 'empty') symlinkSync(join(ROOT, 'bowline'), join(dir, folder, 'bowline'));
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Runs a line in a shell, as a person in that folder would. */
function shell(line: string, { cwd = dir, path = '', more = {} as Record<string, string> } = {}) {
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH: `${path}${PATH}`, HOME, BOWLINE_HOME: join(dir, 'none'), ...more };
  return spawnSync('sh', ['-c', line], { cwd, env, encoding: 'utf8' });
}

interface Called {
  readonly typed: string;
  readonly told: string;
  readonly where?: Parameters<typeof shell>[1];
}

const WAYS: Record<string, () => Called> = {
  'in the folder of Bowline': () => ({ typed: './bowline', told: './bowline', where: { cwd: ROOT } }),
  'in that folder, by its whole path': () => ({
    typed: `${join(ROOT, 'bowline')}`,
    told: './bowline',
    where: { cwd: ROOT },
  }),
  'from elsewhere': () => ({ typed: join(ROOT, 'bowline'), told: join(ROOT, 'bowline') }),
  'on the path': () => ({ typed: 'bowline', told: 'bowline', where: { path: `${join(dir, 'bin')}:` } }),
  'by a path with a space': () => ({ typed: "'my tools/bowline'", told: "'my tools/bowline'" }),
  'by npx': () => ({
    typed: join(dir, 'node_modules/.bin/bowline'),
    told: 'npx bowline',
    where: { path: `${join(dir, 'node_modules/.bin')}:`, more: { npm_command: 'exec' } },
  }),
};

test.each(Object.entries(WAYS))('%s: errors, hints and help tell what works there', (_way, called) => {
  const { typed, told, where } = called();
  const failed = shell(`${typed} queue ls`, where);
  expect(failed.stderr).toContain(`is \`${told} up\` running`);
  expect(failed.stderr).toContain(`start it with: ${told} up --allow FOLDER`);
  for (const help of ['--help', 'ask --help', 'call --help', 'edge --help', 'up --help']) {
    const { stdout, status } = shell(`${typed} ${help}`, where);
    expect(status, stdout).toBe(0);
    expect(stdout).toMatch(/^usage: /i);
    expect(stdout).toContain(`$ ${told} `);
    if (told !== 'bowline') expect(stdout).not.toMatch(/(?<![./] ?|npx )\bbowline (?:up|ask|call|edge|VERB|\[)/);
  }
  // What it tells runs.
  expect(shell(told.replace('npx bowline', typed).concat(' --version'), where).status).toBe(0);
});

test('every verb is known, and nothing else is taken for a command', () => {
  const env = { BOWLINE_CALLED_AS: './bowline' };
  for (const { name } of VERBS) expect(asCalled(`see: bowline ${name}`, env)).toBe(`see: ./bowline ${name}`);
  for (const text of [
    'Bowline runs; bowline is a knot',
    'postgres://bowline@127.0.0.1/bowline up',
    '/opt/bowline up',
    'x-bowline up',
    'bowline upwards',
  ])
    expect(asCalled(text, env)).toBe(text);
  expect(asCalled('`bowline up` and `bowline ask`', {})).toBe('`bowline up` and `bowline ask`');
  expect(asCalled('see: bowline up', { BOWLINE_CALLED_AS: '/a b/bowline' })).toBe("see: '/a b/bowline' up");
});
