// The words that a shell offers behind `bowline`, asked from real shells; and what `version` tells.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test, vi } from 'vitest';
import { VERBS } from '../../src/main/verbs.ts';
import { cli } from '../support/run-cli.ts';
import { built, ROOT } from '../support/stack.ts';

vi.setConfig({ testTimeout: 60_000 });

const at = { cwd: ROOT, home: '/nonexistent' };
const scripts: Record<string, string> = {};

beforeAll(async () => {
  await built();
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout, stderr } = await cli(['completion', shell], at);
    expect(code, stderr).toBe(0);
    scripts[shell] = stdout;
  }
});

const installed = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

/** What a shell offers for a line that ends where the cursor is. */
function offered(shell: string, line: string): string[] {
  const words = line.split(' ');
  const script: Record<string, string> = {
    bash: `${scripts.bash}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bowline; printf '%s\\n' "\${COMPREPLY[@]}"`,
    // Outside of its line editor zsh has no compadd; it is the last step.
    zsh: `compadd() { shift; printf '%s\\n' \${(P)1} }; compdef() { :; }; autoload() { :; }; compinit() { :; }
${scripts.zsh}
words=("$@"); CURRENT=$#; _bowline | grep -- "^\${words[-1]}"`,
    fish: `${scripts.fish}\ncomplete -C "$argv"`,
  };
  const args = shell === 'fish' ? ['-c', script.fish!, line] : ['-c', script[shell]!, shell, ...words];
  const { stdout, stderr } = spawnSync(shell, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').flatMap((each) => each.split('\t')[0] || []);
}

test.each(['bash', 'zsh', 'fish'])(
  '%s offers verbs, their verbs and their options, and no file in their place',
  (shell) => {
    if (!installed(shell)) return expect(scripts[shell]).toContain('set-aside');
    expect(offered(shell, 'bowline ')).toEqual(expect.arrayContaining(VERBS.map(({ name }) => name)));
    expect(offered(shell, 'bowline do')).toEqual(expect.arrayContaining(['docs']));
    expect(offered(shell, 'bowline do')).not.toContain('ask');
    expect(offered(shell, 'bowline runs s')).toEqual(['show']);
    expect(offered(shell, 'bowline runs ls --set')).toEqual(['--set-aside']);
    expect(offered(shell, 'bowline --home /x runs ls --set')).toEqual(['--set-aside']);
    expect(offered(shell, 'bowline edge --al')).toEqual(['--allow']);
    expect(offered(shell, 'bowline up --al')).toEqual(['--allow']);
  },
);

test('an unknown shell is a mistake that names the known ones', async () => {
  const { code, stderr } = await cli(['completion', 'tcsh'], at);
  expect(code).toBe(2);
  expect(stderr).toContain('bash, zsh, fish');
});

test('version tells version, commit, Node and every package of the contract', async () => {
  const { stdout, code } = await cli(['version', '--json'], at);
  const told = JSON.parse(stdout);
  expect(code).toBe(0);
  expect(told).toMatchObject({ version: '0.1.0', node: process.version, sessions: { min: 1, max: 1 } });
  expect(told.commit).toMatch(/^(?:[0-9a-f]{12}(?: with changes)?)?$/);
  const packages = readdirSync(join(ROOT, 'proto/bowline/capability')).map((name) => `bowline.capability.${name}.v1`);
  expect(told.contracts).toEqual(expect.arrayContaining(packages));
  const text = (await cli(['version'], at)).stdout;
  expect(text).toContain(`node ${process.version}`);
  for (const name of told.contracts) expect(text).toContain(`${name}\n`);
});
