// Commands with secrets, through the runner and the gate: what reaches the control plane and what the journal keeps is searched for the
// value in every form that eight letters of it can be told from.
import { linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { FsService } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { type RunResponse, ShellService } from '../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';

const { run } = ShellService.method;
const VALUE = 'hunter2-Correct/Horse+Battery';

const entry = (argv: readonly string[], more: string) =>
  `    - {argv: ${JSON.stringify(argv)}, confirm: never, output: share, isolation: none, ${more}}\n`;
const config = (...entries: string[]) => `allow:\n  execute:\n${entries.join('')}`;

function folder(files: Readonly<Record<string, string>> = {}): string {
  const dir = edgeFolder(files);
  mkdirSync(join(dir, 'home/secrets'), { mode: 0o700 });
  writeFileSync(join(dir, 'home/secrets/pass'), VALUE, { mode: 0o600 });
  return dir;
}

const printed = (messages: readonly RunResponse[]) =>
  Buffer.concat(
    messages.map(({ event }) => (event.case === 'output' ? event.value.data : new Uint8Array())),
  ).toString();

/** What tells the value to whoever knows common encodings: every eight letters of it, in each of them. */
function leak(bytes: string): string | undefined {
  const text = bytes.replaceAll(/[\s:,%\\"'\0]/g, '').toLowerCase();
  const windows = (all: string) => Array.from({ length: all.length - 9 }, (_, i) => all.slice(i, i + 10));
  const raw = Buffer.from(VALUE);
  const forms = [
    VALUE,
    [...VALUE].reverse().join(''),
    raw.toString('hex'),
    raw.toString('base64').replaceAll('=', ''),
    Buffer.from(`a${VALUE}`).toString('base64').slice(2).replaceAll('=', ''),
    Buffer.from(`ab${VALUE}`).toString('base64').slice(3).replaceAll('=', ''),
  ];
  return forms.flatMap((form) => windows(form.toLowerCase())).find((window) => text.includes(window));
}

test('a file whose name holds the value is not written: its name would be shown and journaled', async () => {
  const dir = folder({ 'docs/hunter2-Correct/x.md': '' });
  const rig = await edgeRig(dir, { config: 'allow:\n  write: [{path: DIR/docs/hunter2-Correct, confirm: never}]\n' });
  const { write } = FsService.method;
  const path = `docs/${VALUE}`;
  const refused = await rig.call(write, { path, text: 'x' }, {});
  expect(refused.failure).toBe('INVALID_ARGUMENT');
  const other = await rig.call(write, { path: 'docs/hunter2-Correct/y.md', text: 'x' }, { key: 'other' });
  expect(other.failure).toBeUndefined();
  await rig.close();
});

const hostile: Readonly<Record<string, string>> = {
  echo: 'echo "$P"',
  'the whole environment': 'env',
  base64: 'printf %s "$P" | base64',
  'base64 behind a letter': 'printf "a%s" "$P" | base64',
  'base64 behind two letters': 'printf "ab%s" "$P" | base64',
  'base64 for addresses, in short lines': 'printf %s "$P" | base64 -w 7 | tr "+/" "-_"',
  base32: 'printf %s "$P" | base32',
  reversed: 'echo "$P" | rev',
  'two pieces': 'printf %s "$P" | cut -c1-18 | tr -d "\\n"; sleep 0.2; printf %s "$P" | cut -c19-',
  'many pieces': 'printf %s "$P" | while IFS= read -r -n1 c; do printf %s "$c"; sleep 0.02; done',
  'the other stream': 'echo "$P" >&2',
  'an error text': 'cat "/nowhere/$P"',
  'an error of the shell': '"$P"',
  'one letter a line': 'printf %s "$P" | fold -w 1',
  spaced: 'printf %s "$P" | sed "s/./& /g"',
  hexadecimal: 'printf %s "$P" | od -An -v -tx1',
  'upper case': 'echo "$P" | tr a-z A-Z',
  octal: 'printf %s "$P" | od -An -v -to1 -w64',
  UTF16: 'printf %s "$P" | sed "s/./&\\x00/g"',
  JSON: 'printf \'{"p": "%s"}\' "$P"',
  'an address': 'printf "https://x.example/?p=%s" "$P" | sed "s,[+],%2B,g; s,/,%2F,3g"',
  'the name of a file': 'touch "docs-$(echo "$P" | tr / _)" && ls; rm -f docs-*',
  'twice, without a space between': 'printf "%s%s" "$P" "$P"',
  'behind much else': 'yes | head -c 70000; echo "$P"; yes | head -c 70000',
};

test('what a command with a secret prints never leaves with it, in none of the common forms; nor is it kept', async () => {
  const dir = folder();
  const argvOf = (script: string) => ['/bin/bash', '-c', script];
  const entries = Object.values(hostile).map((script) =>
    entry(argvOf(script), 'env: {P: secret://pass}, cwd: DIR/docs'),
  );
  const rig = await edgeRig(dir, { config: config(...entries) });
  const missed: string[] = [];
  for (const [what, script] of Object.entries(hostile)) {
    const { messages, progress, result, failure } = await rig.call(run, { argv: argvOf(script) });
    const all = [...messages.map((one) => JSON.stringify(one, bigints)), printed(messages)];
    const sent = [
      ...progress.map(({ response }) => Buffer.from(response).toString('latin1')).join(''),
      JSON.stringify(result, bigints),
    ];
    const found = [...all, sent.join('')].map(leak).find(Boolean);
    if (failure !== undefined) missed.push(`${what}: ${failure}`);
    if (found !== undefined) missed.push(`${what}: ${found}`);
    if (!printed(messages).includes('***pass***')) missed.push(`${what}: no mask`);
  }
  expect(missed).toEqual([]);
  const records: string[] = [];
  for await (const { record } of rig.journal.entries()) {
    if (record.case === 'toolOutcome')
      records.push(...record.value.rawResponses.map((raw) => Buffer.from(raw).toString('latin1')));
  }
  expect(records.length).toBeGreaterThan(20);
  expect(leak(records.join('\n'))).toBeUndefined();
  expect(leak(printed((await rig.call(run, { argv: argvOf('echo "$P"') })).messages))).toBeUndefined();
  await rig.close();
}, 60_000);

const bigints = (_key: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value);

test('where output meets its limit, nothing of a value stands at the cut, in none of its forms', async () => {
  const dir = folder();
  const before = [1, 4, 12, 28].map((shown) => 1000 - shown);
  const scripts = before.flatMap((much) => [
    `yes x | tr -d "\\n" | head -c ${much}; printf "%s and more" "$P"`,
    `yes x | tr -d "\\n" | head -c ${much}; printf "%s" "$P" | base64; echo more`,
  ]);
  const argvOf = (script: string) => ['/bin/sh', '-c', script];
  const entries = scripts.map((script) => entry(argvOf(script), 'env: {P: secret://pass}'));
  const rig = await edgeRig(dir, { config: `${config(...entries)}limits: {command_output_bytes: 1000}\n` });
  for (const script of scripts) {
    const { messages } = await rig.call(run, { argv: argvOf(script) });
    expect(messages.at(-1)?.event).toMatchObject({ case: 'exit', value: { truncated: true } });
    expect([script, printed(messages)]).toEqual([script, expect.stringMatching(/^x+(?:\*{3}pass\*{3})?$/)]);
  }
  await rig.close();
});

test('only the entry that names a secret gets it; a caller can name none', async () => {
  const dir = folder();
  const rig = await edgeRig(dir, {
    config: config(
      entry(['/bin/sh', '-c', 'test "$P" = "hunter2-Correct/Horse+Battery" && echo same'], 'env: {P: secret://pass}'),
      entry(['/bin/sh', '-c', 'echo "none: $P"'], 'env: {}'),
      entry(['/bin/sh', '-c', 'test "$(cat)" = "hunter2-Correct/Horse+Battery" && echo read'], 'stdin: secret://pass'),
      entry(['/bin/cat'], 'stdin: true'),
      entry(['echo', '{path}', '{word}'], 'env: {}'),
      entry(['wc', '-c'], 'stdin: secret://pass'),
    ),
  });
  const say = async (argv: string[], stdin = '') => {
    const { messages, failure } = await rig.call(run, { argv, stdin });
    return failure ?? printed(messages);
  };
  expect(await say(['/bin/sh', '-c', 'test "$P" = "hunter2-Correct/Horse+Battery" && echo same'])).toBe('same\n');
  expect(await say(['/bin/sh', '-c', 'echo "none: $P"'])).toBe('none: \n');
  expect(await say(['/bin/sh', '-c', 'test "$(cat)" = "hunter2-Correct/Horse+Battery" && echo read'])).toBe('read\n');
  expect(await say(['/bin/cat'], 'secret://pass')).toBe('secret://pass');
  expect(await say(['echo', 'docs', 'secret://pass'])).toBe('COMMAND_NOT_ALLOWED');
  expect(await say(['echo', 'secret://pass', 'x'])).not.toContain('hunter2');
  expect(await say(['wc', '-c'])).toBe(`${VALUE.length}\n`);
  expect(await say(['wc', '-c'], 'mine instead')).toBe('COMMAND_NOT_ALLOWED');
  await rig.close();
});

test('without a usable secret nothing runs; a new value counts at once, and the old one stays masked', async () => {
  const dir = folder();
  const file = join(dir, 'home/secrets/pass');
  const touch = ['/bin/sh', '-c', `echo "$P"; touch ${dir}/docs/ran`];
  const cat = ['cat', '{path}'];
  const rig = await edgeRig(dir, { config: config(entry(touch, 'env: {P: secret://pass}'), entry(cat, 'env: {}')) });
  rmSync(file);
  expect((await rig.call(run, { argv: touch })).failure).toBe('SECRET_UNUSABLE');
  for (const [value, mode] of [
    ['short', 0o600],
    [VALUE, 0o644],
    ['', 0o600],
  ] as const) {
    writeFileSync(file, value, { mode });
    expect((await rig.call(run, { argv: touch })).failure).toBe('SECRET_UNUSABLE');
    rmSync(file);
  }
  expect(() => readFileSync(join(dir, 'docs/ran'))).toThrow('ENOENT');
  for (const value of ['first-value-of-it', 'second-value-of-it']) {
    writeFileSync(file, `${value}\n`, { mode: 0o600 });
    expect(printed((await rig.call(run, { argv: touch })).messages)).toBe('***pass***\n');
    rmSync(file);
  }
  writeFileSync(join(dir, 'docs/both.txt'), 'first-value-of-it and second-value-of-it and third-value-of-it');
  writeFileSync(file, 'third-value-of-it', { mode: 0o600 });
  const both = async () => printed((await rig.call(run, { argv: ['cat', 'docs/both.txt'] })).messages);
  await vi.waitFor(async () => expect(await both()).toBe('***pass*** and ***pass*** and ***pass***'));
  await rig.close();
});

test('a file that config.yaml names is a secret, too: masked in all tools, and read by none, by no other name either', async () => {
  const dir = edgeFolder({ 'docs/notes.md': `the word is ${VALUE}.\n`, 'docs/hunter2.txt': VALUE });
  mkdirSync(join(dir, 'docs/mounted'));
  writeFileSync(join(dir, 'docs/mounted/value'), `${VALUE}\n`, { mode: 0o400 });
  symlinkSync('mounted/value', join(dir, 'docs/link'));
  linkSync(join(dir, 'docs/mounted/value'), join(dir, 'docs/other.txt'));
  const argv = ['/bin/sh', '-c', 'echo "$P"'];
  const rig = await edgeRig(dir, {
    config: `secrets: {pass: {file: DIR/docs/link}}\n${config(entry(argv, 'env: {P: secret://pass}'))}`,
  });
  expect(printed((await rig.call(run, { argv })).messages)).toBe('***pass***\n');
  const { run: own } = await rig.ask(`what is ${VALUE}?`, ['docs/notes.md']);
  const { messages } = await rig.call(FsService.method.read, { path: 'docs/notes.md' }, { run: own });
  expect(messages[0]?.text).toBe('the word is ***pass***.\n');
  const found = await rig.call(FsService.method.search, { terms: ['word'] }, { run: own });
  expect(found.messages.flatMap(({ matches }) => matches.map(({ text }) => text))).toContain('the word is ***pass***.');
  for (const path of ['docs/link', 'docs/mounted/value', 'docs/other.txt'])
    expect((await rig.call(FsService.method.read, { path })).failure).toBe('PATH_NOT_ALLOWED');
  await rig.close();
});

test.each([
  [['curl', '-H', 'secret://pass'], 'env: {}', 'never put among the words'],
  [['curl'], 'env: {H: "Bearer secret://pass"}', 'stands alone'],
  [['curl'], 'env: {H: "secret://Pass"}', 'stands alone'],
  [['curl'], 'stdin: pass', 'use true, false or'],
])('config.yaml is refused: %j %s', async (argv, more, problem) => {
  await expect(edgeRig(folder(), { config: config(entry(argv, more)) })).rejects.toThrow(problem);
});
