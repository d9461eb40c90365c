// A box and a second machine of its owner, through a control plane that carries what they say: paired by a code, asked and answered there,
// refused where anything is not as it must be. Everything is a process of its own.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Stack } from '../support/stack.ts';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 120_000 });

/** What the control plane never learns from the call: it stands in the file before, and in what is above its root. */
const OLD = 'the-lantern-was-green';

let stack: Stack;
let laptop: ReturnType<typeof machine>;

beforeAll(async () => {
  stack = await Stack.create({ 'notes.md': `${OLD}\n` });
  const file = join(stack.docs, 'notes.md');
  stack.write('home/config.yaml', `allow:\n  write:\n    - {path: ${file}, confirm: always}\n`, 0o600);
  await stack.up();
});

afterAll(() => stack?.close());

/** Another machine: a home with an owner key of the control plane and its pin, and nothing else. */
function machine(name: string) {
  const home = join(stack.dir, name);
  mkdirSync(home, { mode: 0o700 });
  for (const file of ['owner.key', 'control.pin']) copyFileSync(join(stack.home, file), join(home, file));
  return { home, env: { BOWLINE_HOME: home, BOWLINE_CONTROL: stack.url } };
}

const sixWords = (text: string) => /^ {2}((?:[a-z]{5} ){5}[a-z]{5})$/m.exec(text)?.[1];

test('two machines show the same words, and the key counts after the yes at the box; the code is good once', async () => {
  laptop = machine('laptop');
  const pair = stack.start('owners', ['pair'], '');
  await pair.until(/^(?:\w{4}-){7}\w{4}$/m);
  const code = /^(?:\w{4}-){7}\w{4}$/m.exec(pair.stdout)![0];
  const joining = stack.spawnCli(['owners', 'join', '--name', 'laptop'], { env: laptop.env, input: `${code}\n` });
  await joining.until('say yes or no there');
  await pair.until('are they the same?');
  expect(sixWords(joining.stderr)).toBe(sixWords(pair.stderr));
  expect(JSON.parse((await stack.cli(['owners', 'ls', '--json'])).stdout)).toEqual([]);
  const second = await stack.cli(['owners', 'join'], { env: machine('other').env, input: `${code}\n` });
  expect(second).toMatchObject({ code: 5, stderr: expect.stringContaining('PAIRING_USED') });
  await pair.until('this code was used by another machine already');
  pair.child.stdin.write('y\n');
  expect([(await pair.ended).code, (await joining.ended).code]).toEqual([0, 0]);
  const [owner] = JSON.parse((await stack.cli(['owners', 'ls', '--json'])).stdout);
  expect(owner).toMatchObject({ name: 'laptop' });
  const file = join(laptop.home, 'paired.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(file, 'utf8')).boxes).toMatchObject([{ key: owner.id, name: 'laptop' }]);
});

/** In how many files of the control plane, its database among them, these bytes stand. */
const inControl = (bytes: Buffer): number =>
  readdirSync(join(stack.home, 'control'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .filter((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(bytes)).length;

const afar = (...words: string[]) => stack.cli(words, { env: laptop.env, cwd: stack.dir });

/** A call that waits for the owner, and its approval as the other machine sees it. */
async function held(text: string) {
  const call = stack.spawnCli([
    'call',
    'fs.Write',
    '--data',
    JSON.stringify({ path: 'docs/notes.md', text, mode: 'WRITE_MODE_REPLACE' }),
  ]);
  const find = async () => JSON.parse((await afar('approvals', 'ls', '--json')).stdout);
  await expect.poll(find, { timeout: 30_000 }).toHaveLength(1);
  const [approval] = await find();
  return { call, approval };
}

test('what waits on the box is seen whole on the other machine, and runs after a yes there; nobody between has seen it', async () => {
  const { call, approval } = await held('the lantern is blue\n');
  const shown = await afar('approvals', 'show', approval.id);
  for (const text of [join(stack.docs, 'notes.md'), `-${OLD}`, '+the lantern is blue'])
    expect(shown.stdout).toContain(text);
  expect(inControl(Buffer.from(approval.id))).toBeGreaterThan(0);
  for (const clear of [OLD, join(stack.docs, 'notes.md')]) expect(inControl(Buffer.from(clear)), clear).toBe(0);
  const allowed = await afar('approvals', 'allow', approval.id, '--yes');
  expect(allowed).toMatchObject({ code: 0, stdout: expect.stringContaining('allowed') });
  expect((await call.ended).code).toBe(0);
  expect(readFileSync(join(stack.docs, 'notes.md'), 'utf8')).toBe('the lantern is blue\n');
  const [answered] = JSON.parse((await stack.cli(['approvals', 'ls', '--all', '--json'])).stdout);
  expect(answered).toMatchObject({ id: approval.id, answeredBy: 'key laptop' });
});

test('a key that is removed is refused at once, and told so', async () => {
  const { call, approval } = await held('the lantern is red\n');
  const { code } = await stack.cli(['owners', 'rm', 'laptop']);
  expect(code).toBe(0);
  const told = async () => (await afar('approvals', 'ls')).stderr;
  await expect.poll(told, { timeout: 30_000 }).toContain('OWNER_REMOVED');
  expect(await afar('approvals', 'ls')).toMatchObject({ code: 5, stderr: expect.stringContaining('owners join') });
  const [{ key, device, signingKey }] = JSON.parse(readFileSync(join(laptop.home, 'paired.json'), 'utf8')).boxes;
  expect([key, device, signingKey].every((each) => typeof each === 'string')).toBe(true);
  expect((await afar('approvals', 'allow', approval.id, '--yes')).code).not.toBe(0);
  expect(JSON.parse((await stack.cli(['approvals', 'ls', '--json'])).stdout)).toHaveLength(1);
  expect((await stack.cli(['approvals', 'deny', approval.id])).code).toBe(0);
  expect((await call.ended).code).not.toBe(0);
});
