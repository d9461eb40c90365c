// The words that a shell offers behind `bowline`, asked from real shells; and what `version` tells.
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test, vi } from 'vitest';
import { RetrievalService } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { DeviceService } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { VERBS } from '../../src/main/verbs.ts';
import { cli } from '../support/run-cli.ts';
import { ScriptedHome } from '../support/scripted-home.ts';
import { built, ROOT } from '../support/stack.ts';

vi.setConfig({ testTimeout: 60_000 });

const MAIN = join(ROOT, 'dist/client.cjs');
const FISH_PROGRAM = 'function bowline; $NODE $MAIN $argv; end\n';
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

/** What a shell offers for a line that ends where the cursor is. The program is asked for ids in a home. */
async function offered(shell: string, line: string, home = at.home): Promise<string[]> {
  const words = line.split(' ');
  const program = shell === 'fish' ? FISH_PROGRAM : 'bowline() { "$NODE" "$MAIN" "$@"; }\n';
  const script: Record<string, string> = {
    bash: `${program}${scripts.bash}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bowline; printf '%s\\n' "\${COMPREPLY[@]}"`,
    // Outside of its line editor zsh has no compadd; it is the last step.
    zsh: `compadd() { shift; printf '%s\\n' \${(P)1} }; compdef() { :; }; autoload() { :; }; compinit() { :; }
${program}${scripts.zsh}
words=("$@"); CURRENT=$#; _bowline | grep -- "^\${words[-1]}"; true`,
    fish: `${program}${scripts.fish}\ncomplete -C "$argv"`,
  };
  const args = shell === 'fish' ? ['-c', script.fish!, line] : ['-c', script[shell]!, shell, ...words];
  const { PATH = '' } = process.env;
  const env = { PATH, HOME: home, BOWLINE_HOME: home, NODE: process.execPath, MAIN, LC_ALL: 'C.UTF-8' };
  // The servers of these tests answer in this process.
  const { stdout, stderr } = await promisify(execFile)(shell, args, { encoding: 'utf8', env });
  expect(stderr).toBe('');
  return stdout.split('\n').flatMap((each) => each.split('\t')[0] || []);
}

test.each(['bash', 'zsh', 'fish'])(
  '%s offers verbs, their verbs and their options, and no file in their place',
  async (shell) => {
    if (!installed(shell)) return expect(scripts[shell]).toContain('set-aside');
    expect(await offered(shell, 'bowline ')).toEqual(expect.arrayContaining(VERBS.map(({ name }) => name)));
    expect(await offered(shell, 'bowline do')).toEqual(expect.arrayContaining(['docs']));
    expect(await offered(shell, 'bowline do')).not.toContain('ask');
    expect(await offered(shell, 'bowline runs s')).toEqual(['show']);
    expect(await offered(shell, 'bowline runs ls --set')).toEqual(['--set-aside']);
    expect(await offered(shell, 'bowline --home /x runs ls --set')).toEqual(['--set-aside']);
    expect(await offered(shell, 'bowline edge --al')).toEqual(['--allow', '--allow-write']);
    expect(await offered(shell, 'bowline up --al')).toEqual(['--allow', '--allow-write']);
    expect(await offered(shell, 'bowline completion ')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
    expect(await offered(shell, 'bowline logs e')).toEqual(['edge']);
  },
);

test.each(['bash', 'zsh', 'fish'])('%s offers ids of this home, and nothing where nobody answers', async (shell) => {
  if (!installed(shell)) return expect(scripts[shell]).toContain('completion ids');
  const box = new ScriptedHome();
  try {
    const runs = ['01a22cd6-e573-750b-8b79-d5212013eb94', '01a22cd7-a4c5-74f1-b97d-a8720bd70539'];
    await box.controlPlane((router) =>
      router
        .service(RunService, { listRuns: () => ({ runs: runs.map((id) => ({ id })) }) })
        // A name is from elsewhere, and a shell expands what it is offered.
        .service(DeviceService, {
          listDevices: () => ({ devices: [{ name: 'kitchen-pi' }, { name: '厨房' }, { name: '$(touch owned)' }] }),
        })
        .service(RetrievalService, { listCollections: () => ({ collections: [{ name: '笔记' }] }) }),
    );
    expect(await offered(shell, 'bowline runs show d', box.home)).toEqual([]);
    expect(await offered(shell, 'bowline runs show 2013', box.home)).toEqual(['2013eb94']);
    expect(await offered(shell, 'bowline runs show 01a22cd7', box.home)).toEqual([runs[1]]);
    const devices = await offered(shell, 'bowline call fs.List --device ', box.home);
    expect(devices).toEqual(expect.arrayContaining(['kitchen-pi', '厨房']));
    expect(devices.join()).not.toContain('touch');
    expect(await offered(shell, 'bowline docs ls 笔', box.home)).toEqual(['笔记']);
    expect(await offered(shell, `bowline --home ${box.cwd} docs ls 笔`, box.home)).toEqual([]);
    expect(await offered(shell, 'bowline runs show 2013')).toEqual([]);
  } finally {
    await box.close();
  }
});

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
