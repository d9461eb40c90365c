// The first configuration, written for a user of its own: what is found, what is shown, what is left alone.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loadEdgeConfig } from '../../src/edge/config/edge-config.ts';
import { unitText } from '../../src/main/init/plan.ts';
import { readModels } from '../../src/worker/models/read-models.ts';
import { cli } from '../support/run-cli.ts';
import { inTerminal } from '../support/terminal.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Where systemd has units of this user, one question more is asked. */
const hasUserUnits = spawnSync('systemctl', ['--user', 'show-environment']).status === 0;

let user: string;
let home: string;
let ollama: Server;

beforeEach(async () => {
  user = realpathSync(mkdtempSync(join(tmpdir(), 'init-test-')));
  home = join(user, '.bowline');
  for (const folder of ['notes', '笔记']) {
    mkdirSync(join(user, folder));
    writeFileSync(join(user, folder, 'a.md'), 'x');
  }
  ollama = createServer((_request, response) =>
    response.end(JSON.stringify({ models: [{ name: 'llama3.2:latest' }, { name: 'nomic-embed-text' }] })),
  );
  await new Promise<void>((listening) => ollama.listen(0, '127.0.0.1', listening));
});
afterEach(() => {
  ollama.close();
  rmSync(user, { recursive: true, force: true });
});

const init = (words: readonly string[], env: Record<string, string> = {}) =>
  cli(['init', ...words], {
    cwd: user,
    home,
    env: {
      HOME: user,
      SHELL: '/bin/bash',
      OLLAMA_HOST: `127.0.0.1:${(ollama.address() as AddressInfo).port}`,
      ANTHROPIC_API_KEY: 'secret-key',
      ...env,
    },
  });

test('it shows what it writes, what it wrote works, and a second time nothing changes', async () => {
  const words = ['--yes', '--allow', 'notes', '~/笔记', '--model', 'llama3.2', '--completion', '--link'];
  const shown = await init([...words, '--dry-run']);
  expect(shown.code).toBe(0);
  expect(() => readFileSync(join(home, 'config.yaml'))).toThrow();
  const first = await init(words);
  expect(first.code, first.stderr).toBe(0);
  for (const line of [`- ${join(user, 'notes')}`, `- ${join(user, '笔记')}`, 'default: llama3.2-latest', 'a link to']) {
    expect(shown.stderr).toContain(line);
    expect(first.stderr).toContain(line);
  }
  expect(loadEdgeConfig(join(home, 'config.yaml')).roots.map(({ path }) => path)).toEqual([
    join(user, 'notes'),
    join(user, '笔记'),
  ]);
  const { defaultModel, models } = readModels(home);
  expect(models.get(defaultModel)).toMatchObject({
    provider: 'openai-compatible',
    model: 'llama3.2:latest',
    base_url: expect.stringMatching(/\/v1$/),
  });
  const { stdout } = spawnSync(readlinkSync(join(user, '.local/bin/bowline')), ['--version'], { encoding: 'utf8' });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(readFileSync(join(user, '.local/share/bash-completion/completions/bowline'), 'utf8')).toContain('complete -o');
  const files = ['config.yaml', 'models.yaml'].map((name) => readFileSync(join(home, name), 'utf8'));
  const again = await init(words);
  expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('nothing changes')]);
  expect(['config.yaml', 'models.yaml'].map((name) => readFileSync(join(home, name), 'utf8'))).toEqual(files);
});

test('what the owner wrote stays with its comments and order; another model of the owner is not replaced, and that is told with exit code 8', async () => {
  mkdirSync(home, { mode: 0o700 });
  const config = `# mine\nname: kitchen # really\nallow:\n  read:\n    - ${join(user, 'notes')}\n`;
  const models =
    'default: mine\nmodels:\n  mine: { provider: openai-compatible, model: x, base_url: "http://127.0.0.1:1/v1" } # keep\n';
  writeFileSync(join(home, 'config.yaml'), config, { mode: 0o600 });
  writeFileSync(join(home, 'models.yaml'), models, { mode: 0o600 });
  const { code, stderr } = await init(['--yes', '--allow', '笔记', '--model', 'claude']);
  expect([code, stderr]).toEqual([8, expect.stringContaining('left as it is')]);
  expect(stderr).not.toContain('secret-key');
  expect(readFileSync(join(home, 'models.yaml'), 'utf8')).toBe(models);
  expect(readFileSync(join(home, 'config.yaml'), 'utf8')).toBe(`${config}    - ${join(user, '笔记')}\n`);
});

test('without a terminal it asks for flags, and names what it found; nothing is allowed that was not named', async () => {
  expect(await init([])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('bowline init --yes --allow FOLDER'),
  });
  const { code, stderr } = await init(['--yes']);
  expect([code, stderr]).toEqual([2, expect.stringContaining(`found: ${join(user, 'notes')}, ${join(user, '笔记')}`)]);
  expect(await init(['--yes', '--allow', 'nowhere'])).toMatchObject({ code: 2 });
  expect(await init(['--yes', '--allow', 'notes', '--model', 'none'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('llama3.2:latest, claude, rules'),
  });
  expect(() => readFileSync(join(home, 'config.yaml'))).toThrow();
});

/** At a terminal, with the answers to its questions. */
const asked = (keys: readonly { after: string; press: string }[]) =>
  inTerminal(['init'], {
    cwd: user,
    home: user,
    columns: 100,
    keys,
    env: {
      BOWLINE_HOME: home,
      BOWLINE_CALLED_AS: './bowline',
      SHELL: '/bin/bash',
      OLLAMA_HOST: `127.0.0.1:${(ollama.address() as AddressInfo).port}`,
    },
  });
const FOLDERS = { after: 'Which folders may be read?', press: '\x1b[B \r' };
const UP_TO_WRITING = [
  FOLDERS,
  { after: 'Which model answers?', press: '\r' },
  ...(hasUserUnits ? [{ after: 'Keep it running', press: 'n' }] : []),
  { after: 'Complete its words in bash?', press: 'n' },
  { after: 'Put `bowline` on the path?', press: 'y' },
];

test('a folder that is not there is asked for again; where none is chosen, nothing is said to be written already', async () => {
  const rest = UP_TO_WRITING.slice(1).map(({ after, press }) => ({ after, press: press === 'y' ? 'n' : press }));
  const { all, code } = await asked([
    { after: 'Which folders may be read?', press: ' \r' },
    { after: 'Which folder may be read? (', press: '~/笔\r' },
    { after: 'there is no such file or folder', press: '\x7f\x7f\x7f\r' },
    ...rest,
  ]);
  expect(code, all).toBe(0);
  expect(all).toContain('nothing was chosen, and nothing is written');
  expect(all).toContain('./bowline up --allow FOLDER');
  expect(all).not.toContain('written already');
  expect(existsSync(join(home, 'config.yaml'))).toBe(false);
});

test('its questions at a terminal: what was chosen is shown, written after a yes, and nothing else', async () => {
  const { all, code } = await asked([...UP_TO_WRITING, { after: 'Write this?', press: 'y' }]);
  expect(code, all).toBe(0);
  expect(all).toContain("./bowline ask 'What is in my notes?'");
  expect(loadEdgeConfig(join(home, 'config.yaml')).roots.map(({ path }) => path)).toEqual([
    join(user, 'notes'),
    join(user, '笔记'),
  ]);
  expect(readModels(home).defaultModel).toBe('rules');
  expect(lstatSync(join(user, '.local/bin/bowline')).isSymbolicLink()).toBe(true);
  expect(existsSync(join(user, '.local/share/bash-completion'))).toBe(false);
});

test.each([
  ['no', 'n'],
  ['Ctrl-C', '\x03'],
])('%s at the last question writes nothing, and the terminal is given back', async (_how, press) => {
  const { all, code } = await asked([...UP_TO_WRITING, { after: 'Write this?', press }]);
  expect([code, all]).toEqual([2, expect.stringContaining('left; nothing was written')]);
  expect(existsSync(join(home, 'config.yaml'))).toBe(false);
  expect(all.lastIndexOf('\x1b[?25h')).toBeGreaterThan(all.lastIndexOf('\x1b[?25l'));
});

test('the unit that it writes is one for systemd, whatever signs are in its paths', () => {
  const unit = unitText('/opt/a b/100%/$x/bowline', '/home/me/"$HOME"\n\u{1b}\\', '/usr/bin:/my $dir');
  expect(unit).toContain(
    'ExecStart="/opt/a b/100%%/$x/bowline" up --home "/home/me/\\"$$HOME\\"\\n\\x1b\\\\"\nEnvironment="PATH=/usr/bin:/my $dir"\n',
  );
  // systemd itself starts no program of such a name.
  const odd = unitText('/opt/"a"\nb/bowline', home, '/bin');
  expect(odd).toContain('\nExecStart=/usr/bin/env -- "/opt/\\"a\\"\\nb/bowline" up --home');
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) return;
  const named = (name: string) => {
    const folder = join(user, name);
    mkdirSync(folder);
    symlinkSync(process.execPath, join(folder, 'bowline'));
    return join(folder, 'bowline');
  };
  for (const name of ['plain', 'with space; 笔记', '100% $HOME', `a'b"c\\d\ne`]) {
    const file = join(user, 'bowline.service');
    writeFileSync(file, unitText(named(name), join(user, name), `/usr/bin:${join(user, name)}`));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
    expect([name, status, stderr.split('\n').filter((line) => line.includes('bowline'))]).toEqual([name, 0, []]);
  }
});

const zsh = (env: Record<string, string> = {}) =>
  init(['--yes', '--allow', 'notes', '--completion'], { SHELL: '/bin/zsh', ...env });

test('a line is added to ~/.zshrc: its other bytes, its mode and its link stay, and it is added once', async () => {
  const real = join(user, 'dotfiles');
  const before = Buffer.from('export PS1=\xe9\xff\r\n# caf\xe9 without an end', 'latin1');
  writeFileSync(real, before, { mode: 0o640 });
  symlinkSync(real, join(user, '.zshrc'));
  for (let time = 0; time < 2; time++) {
    const { code, stderr } = await zsh();
    expect(code, stderr).toBe(0);
    const line = Buffer.from(`\nsource ${join(user, '.local/share/bowline/completion.zsh')}\n`);
    expect(readFileSync(real).equals(Buffer.concat([before, line]))).toBe(true);
  }
  expect(lstatSync(join(user, '.zshrc')).isSymbolicLink()).toBe(true);
  expect(statSync(real).mode & 0o777).toBe(0o640);
});

test.each(['a b', '笔; touch owned', `it's "$HOME"`, 'two\nlines'])(
  'the line in ~/.zshrc names the file as a shell reads it: %j',
  async (name) => {
    const data = join(user, name);
    for (let time = 0; time < 2; time++) expect(await zsh({ XDG_DATA_HOME: data })).toMatchObject({ code: 0 });
    const rc = readFileSync(join(user, '.zshrc'), 'utf8');
    // `source` itself is replaced by what shows its words.
    const script = rc.replace('source ', 'printf %s ');
    const { stdout, stderr } = spawnSync('sh', ['-c', script], { cwd: user, encoding: 'utf8' });
    expect([stdout, stderr]).toEqual([join(data, 'bowline/completion.zsh'), '']);
    expect(readFileSync(join(data, 'bowline/completion.zsh'), 'utf8')).toContain('#compdef bowline');
    expect(existsSync(join(user, 'owned'))).toBe(false);
  },
);

test('a folder that XDG_DATA_HOME names relative to somewhere is ignored', async () => {
  expect(await zsh({ XDG_DATA_HOME: 'here' })).toMatchObject({ code: 0 });
  expect(existsSync(join(user, '.local/share/bowline/completion.zsh'))).toBe(true);
});

test.each(['a: b # c', '- "q"', '*x &y %z', 'two\nlines', '{a}, [b] 笔记', ' ~ '])(
  'a folder in config.yaml is read back as it is: %j',
  async (name) => {
    mkdirSync(join(user, name));
    const { code, stderr } = await init(['--yes', '--allow', join(user, name)]);
    expect(code, stderr).toBe(0);
    expect(loadEdgeConfig(join(home, 'config.yaml')).roots.map(({ path }) => path)).toEqual([join(user, name)]);
  },
);

test.each([
  ['/bin/bash', '.local/share/bash-completion/completions/bowline'],
  ['/bin/fish', '.config/fish/completions/bowline.fish'],
  ['/bin/zsh', '.local/share/bowline/completion.zsh'],
])('for %s a file of the owner is left and told, and one of an earlier version is replaced', async (SHELL, path) => {
  const words = ['--yes', '--allow', 'notes', '--completion'];
  const file = join(user, path);
  expect(await init(words, { SHELL })).toMatchObject({ code: 0 });
  const script = readFileSync(file, 'utf8');
  writeFileSync(file, '# my own\n');
  const left = await init(words, { SHELL });
  expect([left.code, left.stderr]).toEqual([8, expect.stringContaining(`left as it is: ${file}`)]);
  expect(readFileSync(file, 'utf8')).toBe('# my own\n');
  writeFileSync(file, `${script}# of an earlier version\n`);
  expect(await init(words, { SHELL })).toMatchObject({ code: 0, stderr: expect.not.stringContaining('left as it is') });
  expect(readFileSync(file, 'utf8')).toBe(script);
});
