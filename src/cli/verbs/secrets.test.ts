import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { Command } from 'commander';
import { expect, onTestFinished, test } from 'vitest';
import { secretsVerb } from './secrets.ts';

const VALUE = 'not-to-be-seen-anywhere';

function homeWith(config = ''): string {
  const home = mkdtempSync(join(tmpdir(), 'secrets-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  writeFileSync(join(home, 'config.yaml'), config);
  return home;
}

/** Runs the verb; what it printed on both streams. */
async function secrets(home: string, words: readonly string[], stdin: NodeJS.ReadableStream = Readable.from([])) {
  const said = { out: '', err: '' };
  const to = (name: 'out' | 'err') => ({
    isTTY: false,
    write: (text: string) => {
      said[name] += text;
      return true;
    },
  });
  const io = {
    env: {},
    cwd: home,
    stdin,
    stdout: to('out'),
    stderr: to('err'),
    onInterrupt: () => () => {},
    exit: () => {},
  };
  const program = new Command('bowline').option('--home <folder>').exitOverride();
  program.addCommand(secretsVerb(io as never));
  await program.parseAsync(['--home', home, 'secrets', ...words], { from: 'user' });
  return said;
}

const piped = (text: string) => Readable.from([Buffer.from(text)]);

test('a value goes in by a pipe, a file or the terminal, into a file that is its user’s alone, and never comes out', async () => {
  const home = homeWith('allow: {execute: [{argv: [restic, "a b"], confirm: never, env: {P: secret://backup}}]}');
  expect(await secrets(home, ['ls'])).toMatchObject({ out: expect.stringMatching(/backup +missing/) });
  const said = await secrets(home, ['set', 'backup'], piped(`${VALUE}\n`));
  expect(said.err).toContain('secret://backup');
  const terminal = Object.assign(new PassThrough(), { isTTY: true });
  terminal.write(`${VALUE} 词\r\n`);
  const asked = await secrets(home, ['set', 'typed'], terminal);
  expect(asked.err).toContain('Value of typed: ');
  writeFileSync(join(home, 'key.pem'), `-----BEGIN X-----\n${VALUE}\n-----END X-----\n`);
  expect((await secrets(home, ['set', 'deploy', '--file', 'key.pem', '--json'])).out).toBe(
    '{"name":"deploy","set":true}\n',
  );

  const folder = join(home, 'secrets');
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(readdirSync(folder)).toEqual(['backup', 'deploy', 'typed']);
  expect(readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual([0o600, 0o600, 0o600]);
  expect(readFileSync(join(folder, 'backup'), 'utf8')).toBe(VALUE);
  expect(readFileSync(join(folder, 'typed'), 'utf8')).toBe(`${VALUE} 词`);
  expect(readFileSync(join(folder, 'deploy'), 'utf8')).toMatch(/^-----BEGIN X-----\n.*\n-----END X-----\n$/);
  const shown = [said, asked, await secrets(home, ['ls']), await secrets(home, ['ls', '--json'])];
  expect(JSON.stringify(shown)).not.toContain('not-to-be');
  const listed = JSON.parse(shown[3]!.out);
  expect(listed[0]).toMatchObject({
    name: 'backup',
    state: 'set',
    usedBy: [{ argv: ['restic', 'a b'], variable: 'P' }],
  });
  expect(shown[2]!.out).toMatch(/backup +set .*restic 'a b' \(P\)/);

  expect((await secrets(home, ['rm', 'backup'])).err).toContain('refused now: 1 entry');
  await expect(secrets(home, ['rm', 'backup'])).rejects.toThrow('there is no secret backup');
  expect(readdirSync(folder)).toEqual(['deploy', 'typed']);
});

test.each([
  ['short', 'shorter than 8 letters'],
  ['a b c d e', 'shorter than 8 letters'],
  ['', 'it is empty'],
  ['with\0nul-in-it', 'NUL'],
  ['x'.repeat(9000), 'longer than 4096 bytes'],
])('a value that could not be kept or masked is refused: %j', async (value, why) => {
  const home = homeWith();
  await expect(secrets(home, ['set', 'a'], piped(value))).rejects.toThrow(why);
  await expect(secrets(home, ['set', 'A'], piped(VALUE))).rejects.toThrow('no name of a secret');
  await expect(secrets(home, ['set', '../a'], piped(VALUE))).rejects.toThrow('no name of a secret');
  expect(readdirSync(home)).toEqual(['config.yaml']);
});

test('nothing is kept where others may look, and what config.yaml names is not set here', async () => {
  const home = homeWith('secrets: {mounted: {file: /run/secrets/none}}');
  await expect(secrets(home, ['set', 'mounted'], piped(VALUE))).rejects.toThrow('lies in /run/secrets/none');
  expect((await secrets(home, ['ls'])).out).toMatch(/mounted +missing .*\/run\/secrets\/none/);
  mkdirSync(join(home, 'secrets'));
  chmodSync(join(home, 'secrets'), 0o755);
  await expect(secrets(home, ['set', 'a'], piped(VALUE))).rejects.toThrow('chmod 700');
  chmodSync(join(home, 'secrets'), 0o700);
  await secrets(home, ['set', 'a'], piped(VALUE));
  chmodSync(join(home, 'secrets/a'), 0o644);
  expect((await secrets(home, ['ls'])).out).toMatch(/a +unusable .*chmod 600/);
});
