import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AppError } from '../../base/errors.ts';
import { loadEdgeConfig } from '../config/edge-config.ts';
import { Allowlist } from './allowlist.ts';
import { isSecretName } from './denied.ts';

function setup(config = '', names = ['docs']) {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'allow-')));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const home = join(dir, 'home');
  for (const name of [...names, 'outside', 'home']) mkdirSync(join(dir, name));
  writeFileSync(join(dir, 'docs', 'notes.md'), 'notes');
  writeFileSync(join(dir, 'outside', 'real.md'), 'outside');
  writeFileSync(join(home, 'config.yaml'), config.replaceAll('DIR', dir));
  const loaded = loadEdgeConfig(join(home, 'config.yaml'), { allow: names.map((name) => join(dir, name)) });
  return { dir, home, list: new Allowlist(loaded, [home]) };
}

const refusal = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    return `${(error as AppError).reason} ${(error as AppError).message} ${JSON.stringify((error as AppError).metadata)}`;
  }
  return 'no error';
};
const later = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) =>
      refusal(() => {
        throw error;
      }),
  );

test('absolute, named and bare paths lead to the same file', () => {
  const { dir, list } = setup();
  for (const path of [
    join(dir, 'docs/notes.md'),
    'docs/notes.md',
    'notes.md',
    './docs/../docs//notes.md',
    'docs/notes.md/',
  ]) {
    expect(list.judgeRead(path)).toMatchObject({ name: 'docs/notes.md', path: join(dir, 'docs/notes.md') });
  }
  expect(list.judgeRead('docs').name).toBe('docs');
});

test('a refusal is the same whether or not the path exists, and nothing is looked at for it', async () => {
  const { dir, list } = setup();
  const paths = [
    '/etc/passwd',
    '/etc/nothing',
    '../outside/real.md',
    '../outside/none.md',
    join(dir, 'docs/../outside/real.md'),
    'docs/../../outside/real.md',
    'a\0b',
    'a\nb',
    '',
    '\ud800',
  ];
  const refusals = new Set(paths.map((path) => refusal(() => list.judgeRead(path))));
  expect([...refusals]).toHaveLength(1);
  expect([...refusals][0]).toMatch(/^PATH_NOT_ALLOWED/);
  symlinkSync(join(dir, 'outside'), join(dir, 'docs/out'));
  symlinkSync(join(dir, 'outside/real.md'), join(dir, 'docs/real'));
  symlinkSync(join(dir, 'outside/none.md'), join(dir, 'docs/none'));
  for (const path of [
    'docs/out/real.md',
    'docs/out/none.md',
    'docs/out/none/deep.md',
    'docs/real',
    'docs/none',
    'docs/out',
  ]) {
    refusals.add(await later(list.openFile(list.judgeRead(path))));
  }
  expect(refusals.size).toBe(1);
});

test('links inside the root are followed, loops end, folders and missing files have their own errors', async () => {
  const { dir, list } = setup();
  symlinkSync('notes.md', join(dir, 'docs/link'));
  symlinkSync('loop', join(dir, 'docs/loop'));
  const file = await list.openFile(list.judgeRead('docs/link'));
  expect(file.realPath).toBe(join(dir, 'docs/notes.md'));
  await file.handle.close();
  expect(await later(list.openFile(list.judgeRead('docs/loop')))).toMatch(/^FILE_NOT_FOUND/);
  expect(await later(list.openFile(list.judgeRead('docs/none.md')))).toMatch(/^FILE_NOT_FOUND/);
  expect(await later(list.openFile(list.judgeRead('docs')))).toMatch(/^NOT_A_FILE/);
  expect(await later(list.openFolder(list.judgeRead('docs/notes.md')))).toMatch(/^NOT_A_FOLDER/);
});

test('the home in use, keys and secret files are denied even inside an allowed folder', () => {
  const { dir, home } = setup();
  writeFileSync(
    join(home, 'config.yaml'),
    `allow:\n  read: ['${dir}']\n  write: [{path: '${home}/config.yaml', confirm: never}]\n`,
  );
  const list = new Allowlist(loadEdgeConfig(join(home, 'config.yaml')), [home]);
  for (const path of [
    'home/config.yaml',
    'home/none',
    'HOME/config.yaml',
    'docs/.ssh/id_rsa',
    'docs/.env',
    'docs/.env.local',
    'docs/x.PEM',
    'docs/.bowline/journal',
  ]) {
    expect(refusal(() => list.judgeRead(path))).toMatch(/^PATH_NOT_ALLOWED/);
  }
  expect(refusal(() => list.judgeWrite(join(home, 'config.yaml')))).toMatch(/^PATH_NOT_ALLOWED/);
  expect(isSecretName('environment.md')).toBe(false);
});

test('only exact entries are written, each as its entry says', () => {
  const { dir, list } = setup(
    'allow:\n  write:\n    - {path: DIR/docs/out.txt, confirm: never}\n    - {path: DIR/docs/ask.txt, confirm: always}\n    - {path: DIR/outside/only.txt, confirm: never}\n',
  );
  expect(list.judgeWrite('docs/out.txt').path).toBe(join(dir, 'docs/out.txt'));
  expect(list.judgeWrite('only.txt').path).toBe(join(dir, 'outside/only.txt'));
  expect(list.judgeWrite('docs/ask.txt').entry.confirm).toBe('always');
  expect(refusal(() => list.judgeWrite('docs/notes.md'))).toMatch(/^PATH_NOT_ALLOWED/);
  expect(refusal(() => list.judgeRead(join(dir, 'outside/only.txt')))).toMatch(/^PATH_NOT_ALLOWED/);
});

test('a folder may be written with all below it; the innermost entry says how, denials stay, the folder itself stays', () => {
  const { dir, list } = setup(
    'allow:\n  write:\n    - {path: DIR/docs, confirm: first}\n    - {path: DIR/docs/sub/, confirm: always}\n    - {path: DIR/docs/sub/free.md, confirm: never}\n    - {path: DIR/outside, confirm: never}\n',
    ['docs', 'docs/sub'],
  );
  const written = (path: string) => {
    const { entry, entryName, name } = list.judgeWrite(path);
    return [name, entry.confirm, entryName];
  };
  expect(written('docs/neu/文.md')).toEqual(['docs/neu/文.md', 'first', 'write docs/']);
  expect(written(join(dir, 'docs/sub/a.md'))).toEqual(['sub/a.md', 'always', 'write sub/']);
  expect(written('docs/sub/free.md')).toEqual(['docs/sub/free.md', 'never', 'write docs/sub/free.md']);
  expect(written('outside/x.md')).toEqual(['outside/x.md', 'never', 'write outside/']);
  const refusals = [
    'docs',
    'docs/.hidden',
    'docs/.git/hooks/pre-commit',
    'docs/sub/id_rsa',
    'docs/passwords.txt',
    'docs/../other/x.md',
    'outside',
    'docs/a\u202eb.md',
  ].map((path) => refusal(() => list.judgeWrite(path)));
  expect(new Set(refusals)).toEqual(new Set([refusals[0]]));
  expect(refusals[0]).toMatch(/^PATH_NOT_ALLOWED/);
  expect([join(dir, 'docs/any/thing'), join(dir, 'docs')].map((path) => list.isWritable(path))).toEqual([true, true]);
  expect(list.isWritable(join(dir, 'other'))).toBe(false);
});

test('a name that begins with a dot is written below a folder only where allow.hidden names it, and never where it would run', () => {
  const { list } = setup(
    "allow:\n  hidden: ['.github', '.git', '.profile']\n  write: [{path: DIR/docs, confirm: never}]\n",
  );
  expect(list.judgeWrite('docs/.github/x.md').name).toBe('docs/.github/x.md');
  for (const path of ['docs/.git/config', 'docs/.profile']) {
    expect(refusal(() => list.judgeWrite(path))).toMatch(/^PATH_NOT_ALLOWED/);
  }
});

test('what starts by itself is no entry of what may be written', () => {
  for (const path of ['/etc/profile', '/etc', 'DIR/docs/.bashrc', 'DIR/docs/.config/systemd']) {
    const config = `allow:\n  write: [{path: ${path}, confirm: always}]\n`;
    expect(refusal(() => setup(config, ['docs', 'docs/.config', 'docs/.config/systemd']))).toContain(
      'is never written',
    );
  }
  expect(refusal(() => setup('allow:\n  write: [{path: DIR/docs/none/, confirm: always}]\n'))).toContain(
    'there is no such folder',
  );
});

test('in a folder that may be written, or above it, no command starts, and nothing in it is run or among the words', () => {
  const entries = [
    '{argv: [DIR/docs/tool], confirm: never}',
    '{argv: [cat, DIR/docs/deep/x.md], confirm: never}',
    '{argv: [ls], cwd: DIR/docs/sub, confirm: never}',
    '{argv: [ls], cwd: DIR, confirm: never}',
  ];
  for (const entry of entries) {
    const config = `allow:\n  write: [{path: DIR/docs, confirm: always}]\n  execute: [${entry}]\n`;
    expect(refusal(() => setup(config, ['docs', 'docs/sub']))).toMatch(/may be written/);
  }
  const { dir, list } = setup(
    'allow:\n  write: [{path: DIR/docs/sub, confirm: always}]\n  execute: [{argv: [wc, "{path}"], confirm: never}]\n',
    ['docs', 'docs/sub', 'other'],
  );
  expect(refusal(() => list.judgeCommand(['wc', 'docs/sub/x'], '', false))).toMatch(/^COMMAND_NOT_ALLOWED/);
  expect(list.judgeCommand(['wc', 'docs/x'], '', false).cwd).toBe(join(dir, 'other'));
  expect([join(dir, 'docs/sub/deep/tool'), join(dir, 'docs/tool')].map((path) => list.mayRun(path))).toEqual([
    false,
    true,
  ]);
});

test('--allow-write names a file or a folder, and always asks', () => {
  const { dir, home } = setup();
  const load = (path: string) => loadEdgeConfig(join(home, 'config.yaml'), { allowWrite: [path], cwd: dir });
  expect(load('docs').write).toEqual([{ realPath: join(dir, 'docs'), folder: true, confirm: 'always' }]);
  expect(load('docs/new.md').write).toEqual([{ realPath: join(dir, 'docs/new.md'), folder: false, confirm: 'always' }]);
  expect(refusal(() => load('none/new.md'))).toMatch(/^USAGE .*--allow-write/);
  expect(refusal(() => load('docs/.bashrc'))).toMatch(/^USAGE .*is never written/);
});

test('a command runs only when every word fits its template', () => {
  const { dir, list } = setup(
    'allow:\n  execute:\n    - {argv: [wc, -l, "{path}"], confirm: never}\n    - {argv: [echo, "{word}"], confirm: never, stdin: true}\n    - {argv: [date], confirm: always}\n',
  );
  expect(list.judgeCommand(['wc', '-l', 'docs/notes.md'], '', false)).toMatchObject({
    argv: ['wc', '-l', join(dir, 'docs/notes.md')],
    cwd: join(dir, 'docs'),
  });
  expect(list.judgeCommand(['echo', '字'], '', true).argv).toEqual(['echo', '字']);
  for (const argv of [
    ['wc'],
    ['wc', '-c', 'docs/notes.md'],
    ['wc', '-l', '-x'],
    ['echo', '-n'],
    ['echo', '../x'],
    ['echo', 'a b'],
    ['echo', '..'],
    ['/bin/echo', 'a'],
  ]) {
    expect(refusal(() => list.judgeCommand(argv, '', false))).toMatch(/^COMMAND_NOT_ALLOWED/);
  }
  expect(refusal(() => list.judgeCommand(['wc', '-l', '/etc/passwd'], '', false))).toMatch(/^PATH_NOT_ALLOWED/);
  expect(refusal(() => list.judgeCommand(['wc', '-l', 'docs/notes.md'], '', true))).toMatch(/^COMMAND_NOT_ALLOWED/);
  expect(list.judgeCommand(['date'], '', false).entry.confirm).toBe('always');
});

test('a placeholder has a type: a path, a whole number within its range, a word that fits a pattern', () => {
  const { dir, list } = setup(
    'allow:\n  execute:\n    - {argv: [lpr, "{copies:1..9}", "{page:int}", "{file:path}", "{tray:{top,下*,a[0-9]}}"], confirm: never}\n',
  );
  const fits = (argv: string[]) => {
    try {
      return list.judgeCommand(['lpr', ...argv], '', false).argv.slice(1);
    } catch (error) {
      return (error as { reason?: string }).reason;
    }
  };
  const file = join(dir, 'docs/notes.md');
  for (const tray of ['top', '下层', 'a7'])
    expect(fits(['3', '9007199254740991', 'docs/notes.md', tray])).toEqual(['3', '9007199254740991', file, tray]);
  for (const argv of [
    ...['0', '10', '', '-1', '+1', '01', '1.0', '1e0', '0x1', '１', ' 1'].map((n) => [n, '1', 'docs/notes.md', 'top']),
    ...['9007199254740992', '99999999999999999999', '-0', ''].map((n) => ['1', n, 'docs/notes.md', 'top']),
    ...['-x', '@docs/notes.md', ''].map((path) => ['1', '1', path, 'top']),
    ...['', 'bottom', 'a77', '-a7', '下/层', '下 层', 'a[0-9]', '下\u200b'].map((tray) => [
      '1',
      '1',
      'docs/notes.md',
      tray,
    ]),
  ])
    expect(fits(argv), JSON.stringify(argv)).toBe('COMMAND_NOT_ALLOWED');
  // Many stars and a word that nearly fits take no time.
  const slow = setup(`allow:\n  execute:\n    - {argv: [x, "{w:${'*a'.repeat(60)}b}"], confirm: never}\n`);
  expect(refusal(() => slow.list.judgeCommand(['x', 'a'.repeat(256)], '', false))).toMatch(/^COMMAND_NOT_ALLOWED/);
});

test('a placeholder that is none is told with its place; one that chooses the program is refused', () => {
  for (const [word, problem] of [
    ['{n:integer}', /3:21: .*neither path, int/],
    ['{n:9..1}', /3:21: .*ends before it begins/],
    ['{n:0..9999999999999999}', /3:21: .*at most 9007199254740991/],
    ['{n:}', /3:21: .*pattern/],
    ['{n:a b*}', /3:21: .*pattern/],
    ['{n:{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}}', /3:21: .*64/],
  ] as const)
    expect(() => setup(`allow:\n  execute:\n    - {argv: [echo, "${word}"], confirm: never}\n`), word).toThrow(problem);
  for (const word of ['{path}', '{word}', '{p:path}', '{p:a*}'])
    expect(() => setup(`allow:\n  execute:\n    - {argv: ["${word}"], confirm: never}\n`)).toThrow(
      /3:15: .*choose the program/,
    );
  // What looks otherwise is a word as it stands.
  const { list } = setup('allow:\n  execute:\n    - {argv: [find, "{}", "{print $1}", "{A:x}"], confirm: never}\n');
  expect(list.judgeCommand(['find', '{}', '{print $1}', '{A:x}'], '', false).argv).toHaveLength(4);
});

test('what may be written is never what is run', () => {
  expect(() =>
    setup(
      'allow:\n  write: [{path: DIR/docs/run.sh, confirm: never}]\n  execute:\n    - {argv: [sh, DIR/docs/run.sh], confirm: never}\n',
    ),
  ).toThrow(/4:\d+: .*may be written/);
  expect(() =>
    setup(
      'allow:\n  write: [{path: DIR/docs/Makefile, confirm: never}]\n  execute:\n    - {argv: [make], cwd: DIR/docs, confirm: never}\n',
    ),
  ).toThrow(/4:\d+: /);
  const { dir, list } = setup(
    'allow:\n  write: [{path: DIR/docs/out.txt, confirm: never}]\n  execute: [{argv: [make], confirm: never}, {argv: [cat, "{path}"], confirm: never}]\n',
  );
  expect(list.judgeCommand(['make'], '', false).cwd).toBe('/');
  expect(refusal(() => list.judgeCommand(['make'], 'docs', false))).toMatch(/^COMMAND_NOT_ALLOWED/);
  expect(refusal(() => list.judgeCommand(['cat', 'docs/out.txt'], '', false))).toMatch(/^COMMAND_NOT_ALLOWED/);
  expect(list.mayRun(join(dir, 'docs/tool'))).toBe(false);
  expect(list.mayRun('/usr/bin/make')).toBe(true);
});

test('a link among the words, or above what is not there yet, must not lead to what may be written', async () => {
  const words = ['DIR/outside/link.sh', '-fDIR/outside/link.sh', 'sh DIR/outside/way/new.sh', 'DIR/outside/real.md'];
  const { dir, list } = setup(
    `allow:\n  write: [{path: DIR/docs, confirm: never}]\n  execute:\n${words.map((word) => `    - {argv: [x, "${word}"], confirm: never}\n`).join('')}    - {argv: [y], env: {A: DIR/outside/link.sh}, confirm: never}\n`,
  );
  symlinkSync(join(dir, 'docs/notes.md'), join(dir, 'outside/link.sh'));
  symlinkSync(join(dir, 'docs'), join(dir, 'outside/way'));
  const open = async (argv: string[]) => {
    const opened = await list.openCommand(list.judgeCommand(argv, '', false));
    await opened.close();
  };
  const told = await Promise.all(words.map((word) => later(open(['x', word.replaceAll('DIR', dir)]))));
  expect(told.map((text) => text.split(' ')[0])).toEqual([...Array(3).fill('COMMAND_NOT_ALLOWED'), 'no']);
  expect(await later(open(['y']))).toMatch(/^COMMAND_NOT_ALLOWED/);
});

test('roots with one name get different names; a missing root is an error', () => {
  const { list } = setup('', ['docs', 'a']);
  expect(list.roots.map((root) => root.name)).toEqual(['docs', 'a']);
  expect(refusal(() => list.judgeRead('notes.md'))).toMatch(/^PATH_NOT_ALLOWED/);
  expect(() => setup('allow:\n  read:\n    - /nowhere/at/all\n')).toThrow(/config\.yaml:3:7: `\/nowhere/);
  expect(() => setup('limits:\n  parralel: 2\n')).toThrow(
    /config\.yaml:2:3: unknown key `parralel`; did you mean `parallel`\?/,
  );
});

test('the command that tells of approvals is no file that may be written, and takes no secret', () => {
  const notify = (program: string) =>
    `allow:\n  write:\n    - { path: DIR/docs, confirm: always }\nnotify:\n  command: ['${program}', '{title}']\n`;
  expect(refusal(() => setup(notify('/usr/bin/notify-send')))).toBe('no error');
  expect(refusal(() => setup(notify('DIR/docs/tell')))).toMatch(/may be written/);
  expect(refusal(() => setup(notify('secret://phone')))).toMatch(/CONFIG_INVALID/);
});
