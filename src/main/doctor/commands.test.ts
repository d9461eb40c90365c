// `doctor` tells which commands are refused here or asked for without a preview, why, and what to do.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { CommandIsolation } from '../../edge/tools/shell/isolation.ts';
import { commands } from './commands.ts';

const BUBBLEWRAP: CommandIsolation = {
  kind: 'bubblewrap',
  program: '/usr/bin/bwrap',
  guard: ['setpriv'],
  options: [],
  filter: undefined,
  users: undefined,
};

function home(entry: string): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'doctor-commands-')));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, '工作'));
  writeFileSync(join(dir, 'config.yaml'), `allow:\n  execute:\n    - ${entry.replaceAll('DIR', dir)}\n`);
  return dir;
}

const looks = (isolation: CommandIsolation | undefined, problem = '') => ({
  isolation: async () => isolation,
  preview: async () => problem,
});
const PLAIN = '{argv: [date], confirm: always}';
const TRIED = '{argv: [make], cwd: DIR/工作, writes: [DIR/工作], preview: true, confirm: always}';

test.each([
  [PLAIN, undefined, '', ['warning commands nothing here keeps a command apart from the home: they are refused']],
  [PLAIN, BUBBLEWRAP, 'never asked', ['ok commands run in /usr/bin/bwrap']],
  [
    PLAIN,
    { ...BUBBLEWRAP, guard: [] },
    '',
    ['warning commands run in /usr/bin/bwrap; one that begins while the edge is killed may go on'],
  ],
  [TRIED, BUBBLEWRAP, '', ['ok commands run in /usr/bin/bwrap', 'ok previews commands can be tried on a copy']],
  [
    TRIED,
    BUBBLEWRAP,
    'only Linux has overlays',
    [
      'ok commands run in /usr/bin/bwrap',
      'warning previews commands are asked for without one: only Linux has overlays',
    ],
  ],
  ['{argv: [date], confirm: always, isolation: none}', undefined, '', []],
] as const)('%s', async (entry, isolation, problem, told) => {
  const found = await commands(home(entry), looks(isolation, problem));
  expect(found.map(({ state, check, text }) => `${state} ${check} ${text}`)).toEqual(told);
  expect(found.every(({ state, remedy }) => (state === 'ok') === (remedy === undefined))).toBe(true);
});
