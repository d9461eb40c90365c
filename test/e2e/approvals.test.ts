// A model asks to change files, and the owner is asked: real programs, killed at both ends while they wait and while the owner answers.
// What was allowed happens once, what was denied or withdrawn does not, and nobody is asked twice.
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { findBubblewrapIsolation } from '../../src/edge/tools/shell/isolation.ts';
import { OwnUsers } from '../../src/edge/tools/shell/own-users.ts';
import { findPreviewProblem } from '../../src/edge/tools/shell/preview/find-preview.ts';
import { answerByProgram } from '../support/answer-by-program.ts';
import { eventually } from '../support/control-plane.ts';
import { chunk, events, FakeProvider } from '../support/fake-provider.ts';
import { ROOT, Stack } from '../support/stack.ts';
import { TerminalProgram } from '../support/terminal-program.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let stack: Stack;
const provider = new FakeProvider();

interface Told {
  readonly role: string;
  readonly content: unknown;
}

/** Calls of one step each, by the end of the tool's name, for a question that says `Tidy`. */
let tidying: readonly (readonly [RegExp, object])[][] = [];

/** Asks to write, or to read, each file that the question names; then answers with what it was told of each call. */
provider.reply = (response, { body }) => {
  const last: Told = body.messages.at(-1);
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const asked = body.messages.findLastIndex(({ role }: Told) => role === 'user');
  const isTidying = JSON.stringify(body.messages[asked]).includes('Tidy');
  const step = isTidying
    ? tidying[body.messages.slice(asked).filter(({ role }: Told) => role === 'assistant').length]
    : undefined;
  if (step) {
    const calls = step.map(([tool, args], index) => {
      const { name } = body.tools.find((each: { function: { name: string } }) =>
        tool.test(each.function.name),
      ).function;
      return { index, id: `call_${index}`, type: 'function', function: { name, arguments: JSON.stringify(args) } };
    });
    events(response, [chunk({ role: 'assistant', tool_calls: calls }), chunk({}, 'tool_calls', usage), '[DONE]']);
  } else if (last.role === 'user') {
    const isRead = JSON.stringify(last.content).includes('Read');
    const { name } = body.tools.find((tool: { function: { name: string } }) =>
      (isRead ? /read$/i : /write$/i).test(tool.function.name),
    ).function;
    const calls = [...JSON.stringify(last.content).matchAll(/[a-z]+\.md/g)].map(([path], index) => {
      const text = isRead ? {} : { text: `neu: ${path} 内容\n` };
      const args = JSON.stringify({ path: `docs/${path}`, ...text });
      return { index, id: `call_${index}`, type: 'function', function: { name, arguments: args } };
    });
    const parts = [chunk({ role: 'assistant', tool_calls: calls }), chunk({}, 'tool_calls', usage)];
    events(response, [...parts, '[DONE]']);
  } else {
    const told = body.messages.filter(({ role }: Told) => role === 'tool').map(({ content }: Told) => content);
    events(response, [
      chunk({ role: 'assistant', content: `TOLD ${told.join(' ')}` }),
      chunk({}, 'stop', usage),
      '[DONE]',
    ]);
  }
  response.end();
};

beforeAll(async () => {
  stack = await Stack.create();
  const url = await provider.listen();
  const model = ['    provider: openai-compatible', '    model: m', `    base_url: ${url}`];
  stack.write('home/models.yaml', `${['default: told', 'models:', '  told:', ...model].join('\n')}\n`, 0o600);
  await stack.control();
  await stack.worker();
  await stack.edge('--allow-write', stack.docs);
});

afterAll(async () => {
  await stack?.close();
  await provider.close();
});

const json = async (...words: string[]) => JSON.parse((await stack.cli([...words, '--json'])).stdout);
const fileOf = ({ effect }: { effect: { file: { path: string } } }): string => effect.file.path.replace('docs/', '');
const pending = async (count: number) =>
  eventually(async () => {
    const found: { id: string; digest: string; effect: { file: { path: string } } }[] = await json('approvals', 'ls');
    return found.length === count && found;
  }, 30_000);
const onDisk = (name: string) => (existsSync(join(stack.docs, name)) ? stack.read(`docs/${name}`) : undefined);

test('three calls that wait survive kills of both ends; each answer counts once, also one given while the control plane is away', async () => {
  const { id: run } = await json('ask', '--no-wait', 'Write a.md, b.md and c.md');
  const asked = await pending(3);
  await stack.running('control').kill();
  await stack.control();
  await stack.running('edge').kill();
  await stack.edge('--allow-write', stack.docs);
  const kept = await pending(3);
  expect(kept).toEqual(asked);
  const [waits] = await eventually(async () => {
    const found = await json('runs', 'ls', '--approvals');
    return found.length === 1 && found;
  }, 30_000);
  expect(waits.id).toBe(run);
  expect((await stack.cli(['runs', 'show', run])).stdout).toContain('waits for the owner’s yes');

  const idOf = (name: string) => kept.find((each) => fileOf(each) === name)!.id;
  await stack.running('control').kill();
  expect(await stack.cli(['approvals', 'deny', idOf('b.md')])).toMatchObject({ code: 0 });
  expect(await stack.cli(['approvals', 'allow', idOf('a.md'), '--yes'])).toMatchObject({ code: 0 });
  // The yes is on the box, so that it is done although nobody is there to hear of it.
  await eventually(() => onDisk('a.md') !== undefined, 30_000);
  await stack.running('edge').kill();
  await stack.edge('--allow-write', stack.docs);
  await stack.control();
  expect((await pending(1)).map(fileOf)).toEqual(['c.md']);
  expect(await stack.cli(['approvals', 'allow', idOf('c.md'), '--yes'])).toMatchObject({ code: 0 });
  const shown = await eventually(async () => {
    const found = await json('runs', 'show', run);
    return found.state === 'answered' && found;
  }, 60_000);
  expect(shown.answer).toMatch(/^TOLD .*APPROVAL_DENIED.*Do not ask for this again/s);
  expect(['a.md', 'b.md', 'c.md'].map(onDisk)).toEqual(['neu: a.md 内容\n', undefined, 'neu: c.md 内容\n']);
  expect(await json('approvals', 'ls')).toEqual([]);
  // One turn to ask, one to answer: nobody asked the model, or the owner, again.
  expect(provider.requests).toHaveLength(2);
});

test('a run that is cancelled withdraws what it asked for', async () => {
  const { id: run } = await json('ask', '--no-wait', 'Write d.md');
  await pending(1);
  expect(await stack.cli(['runs', 'cancel', run])).toMatchObject({ code: 0 });
  await pending(0);
  expect(onDisk('d.md')).toBeUndefined();
  expect((await json('runs', 'ls', '--approvals')) as unknown[]).toEqual([]);
});

/** A command of the command line in a terminal, until it asks; then what it runs in may be killed. */
async function askedInTerminal(...words: string[]): Promise<TerminalProgram> {
  const { PATH = '', HOME = '' } = process.env;
  const command = [process.execPath, join(ROOT, 'dist/client.cjs'), ...words];
  const env = { PATH, HOME, BOWLINE_HOME: stack.home };
  const terminal = new TerminalProgram(command, { columns: 80, rows: 40 }, { cwd: stack.docs, env });
  await terminal.until(/allow .*\? \[y\/N/, 60_000);
  return terminal;
}

test('the command line is killed at its question and while it answers: the call waits, is asked about once and done once', async () => {
  const requests = provider.requests.length;
  const terminal = await askedInTerminal('ask', 'Write e.md');
  const [asked] = await pending(1);
  process.kill(terminal.pid, 'SIGKILL');
  await terminal.program.ended;
  expect(await pending(1)).toEqual([asked]);
  expect(onDisk('e.md')).toBeUndefined();

  // Killed in its start, beside its answer, and in the moment of the key: what it had sent counts, and the next try changes nothing of that.
  const again = await askedInTerminal('approvals', 'allow', asked!.id);
  again.type('y');
  process.kill(again.pid, 'SIGKILL');
  await again.program.ended;
  for (const killAfterMs of [100, 400, 700])
    expect(await answerByProgram(stack, { id: asked!.id, allow: true, killAfterMs, withinMs: 60_000 })).toBe('taken');
  await eventually(() => onDisk('e.md') !== undefined, 30_000);
  const [run] = await eventually(async () => {
    const found: { id: string; state: string }[] = await json('runs', 'ls', '--limit', '1');
    return found[0]?.state === 'answered' && found;
  }, 60_000);
  expect((await json('runs', 'show', run!.id)).answer).toMatch(/^TOLD (?!.*APPROVAL_)/s);
  const all: { job: string; state: string }[] = await json('approvals', 'ls', '--all', '--run', run!.id);
  expect(all).toMatchObject([{ id: asked!.id, state: 'allowed' }]);
  expect(provider.requests.length - requests).toBe(2);
});

test('what nobody answered in its time is a result: the model is told, and the run goes on, also where the box was away meanwhile', async () => {
  const { id: run } = await json('ask', '--no-wait', 'Write f.md');
  const [asked] = await pending(1);
  await stack.running('edge').kill();
  // A day later, by the clock of the box.
  const preload = join(ROOT, 'test/chaos/wrong-clock.mjs');
  stack.write('clock-wrong-by', String(25 * 3_600_000));
  const { env } = stack;
  env.NODE_OPTIONS = `--import=${preload}`;
  env.BOWLINE_TEST_CLOCK = join(stack.dir, 'clock-wrong-by');
  await stack.edge('--allow-write', stack.docs);
  delete env.NODE_OPTIONS;
  await pending(0);
  const shown = await eventually(async () => {
    const found = await json('runs', 'show', run);
    return found.state === 'answered' && found;
  }, 60_000);
  expect(shown.answer).toMatch(/^TOLD .*APPROVAL_EXPIRED/s);
  expect(await json('approvals', 'ls', '--all', '--run', run)).toMatchObject([{ id: asked!.id, state: 'expired' }]);
  expect(onDisk('f.md')).toBeUndefined();
  expect(await stack.cli(['approvals', 'allow', asked!.id, '--yes'])).toMatchObject({ code: 6 });
});

test('content that is not shared is asked for when a call would tell it: a yes outlives a kill and lets out that file alone', async () => {
  stack.write('docs/g.md', '灯塔 is green\n');
  stack.write('docs/h.md', 'the key is red\n');
  const before = provider.requests.length;
  const { id: run } = await json('ask', '--no-wait', '--ask-to-share', 'Read g.md and h.md');
  const asked = await eventually(async () => {
    const found: { id: string; effect: { share: { recipient: string; files: { path: string }[] } } }[] = await json(
      'approvals',
      'ls',
    );
    // Which of the two reads was ready first is nobody's rule.
    const pathOf = (each: (typeof found)[number]) => each.effect.share.files[0]?.path ?? '';
    return found.length === 2 && found.sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1));
  }, 30_000);
  expect(asked.map(({ effect: { share } }) => [share.recipient, share.files[0]?.path])).toEqual([
    ['told', 'docs/g.md'],
    ['told', 'docs/h.md'],
  ]);
  expect((await stack.cli(['approvals', 'show', asked[0]!.id])).stdout).toMatch(/share docs\/g\.md \(all .*with told/);
  // While nobody hears of it the yes is only on the box, and the process that took it is gone.
  await stack.running('control').kill();
  expect(await stack.cli(['approvals', 'allow', asked[0]!.id, '--yes'])).toMatchObject({ code: 0 });
  expect(await stack.cli(['approvals', 'deny', asked[1]!.id])).toMatchObject({ code: 0 });
  await stack.running('edge').kill();
  await stack.edge('--allow-write', stack.docs);
  await stack.control();
  const shown = await eventually(async () => {
    const found = await json('runs', 'show', run);
    return found.state === 'answered' && found;
  }, 60_000);
  expect(shown.answer).toContain('灯塔 is green');
  expect(shown.answer).not.toContain('red');
  expect(JSON.stringify(provider.requests)).not.toContain('the key is red');
  expect(await json('approvals', 'ls')).toEqual([]);
  expect(provider.requests.slice(before)).toHaveLength(2);
  const left: { path: string; field: string; recipients: string[] }[] = await json(
    'egress',
    'ls',
    '--each',
    '--run',
    run,
  );
  // What was lost on its way left a second time, under the same yes and in the ledger again.
  const texts = left.filter(({ field }) => field === 'text');
  expect(new Set(texts.map(({ path, recipients }) => `${path} to ${recipients}`))).toEqual(
    new Set(['docs/g.md to told']),
  );
});

/** Everything below a folder: names, permissions, and what they hold. */
function tree(dir: string): string[] {
  const names = readdirSync(dir, { recursive: true }).map(String).sort();
  return names.map((name) => {
    const stat = statSync(join(dir, name));
    return `${name} ${(stat.mode & 0o777).toString(8)} ${stat.isFile() ? readFileSync(join(dir, name), 'utf8') : ''}`;
  });
}

/** Says yes to whatever waits, until the run has its answer. */
async function allowAll(run: string): Promise<string[]> {
  const asked = new Set<string>();
  await eventually(async () => {
    for (const each of await json('approvals', 'ls')) {
      if (!asked.has(each.id)) await stack.cli(['approvals', 'allow', each.id, '--yes']);
      asked.add(each.id);
    }
    const found = await json('runs', 'show', run);
    return found.state === 'answered';
  }, 90_000);
  return [...asked];
}

test('ten mixed writes, one of them a tried command, are undone; after an outside change of one, nine are, and it says why', async (context) => {
  const root = process.getuid?.() === 0;
  const problem = await findPreviewProblem(await findBubblewrapIsolation(root ? new OwnUsers(60_800) : undefined));
  if (problem !== '') context.skip(problem);
  const { uid, gid } = { uid: 61_236, gid: 61_236 };
  const own = (path: string) => root && chownSync(path, uid, gid);
  const work = join(stack.dir, 'work');
  mkdirSync(work);
  for (const name of ['replaced', 'also', 'longer', 'edited', 'deleted', 'moved', 'sorted'])
    own(stack.write(`work/${name}.md`, `${name} 旧\nb\na\n`));
  for (const path of [stack.dir, work]) chmodSync(path, 0o755);
  own(work);
  const script = stack.write(
    'tidy.sh',
    `cd ${work}; sort sorted.md > new.txt; mv new.txt sorted.md; chmod 600 sorted.md`,
  );
  const command = `{argv: [sh, ${script}], cwd: ${stack.docs}, writes: [${work}], preview: true, confirm: always}`;
  stack.write(
    'home/config.yaml',
    `allow:\n  write: [{path: ${work}, confirm: always}]\n  read: [${work}]\n  execute:\n    - ${command}\n`,
    0o600,
  );
  await stack.running('edge').kill();
  await stack.edge();
  const at = (name: string) => `work/${name}.md`;
  tidying = [
    [
      [/write$/i, { path: at('new'), text: 'neu\n' }],
      [/write$/i, { path: at('replaced'), text: 'anders\n', mode: 'WRITE_MODE_REPLACE' }],
      [/write$/i, { path: at('also'), text: '', mode: 'WRITE_MODE_REPLACE' }],
      [/write$/i, { path: at('longer'), text: 'mehr\n', mode: 'WRITE_MODE_APPEND' }],
      [/edit$/i, { path: at('edited'), edits: [{ oldText: '旧', newText: '新' }] }],
    ],
    [
      [/delete$/i, { path: at('deleted') }],
      [/move$/i, { path: at('moved'), toPath: at('elsewhere') }],
      [/folder$/i, { path: 'work/sub' }],
      [/run$/i, { argv: ['sh', script] }],
    ],
    [[/write$/i, { path: 'work/sub/in.md', text: 'in\n' }]],
  ];
  const before = tree(work);
  for (const outside of [false, true]) {
    const { id: run } = await json('ask', '--no-wait', '--share', join(work, 'edited.md'), 'Tidy');
    const asked = await allowAll(run);
    expect(asked).toHaveLength(10);
    const after = tree(work);
    expect(after).not.toEqual(before);
    if (outside) stack.write('work/longer.md', 'someone wrote this');
    const { code, stdout } = await stack.cli(['undo', run, '--yes', '--json']);
    const { steps } = JSON.parse(stdout);
    expect(code).toBe(outside ? 5 : 0);
    const stayed = steps.filter(({ state }: { state: string }) => state !== 'done');
    expect(
      stayed.map(({ state, effect }: { state: string; effect: { path: string } }) => `${state} ${effect.path}`),
    ).toEqual(outside ? ['changed_since work/longer.md'] : []);
    const expected = outside
      ? before.map((line) => (line.startsWith('longer') ? `longer.md 644 someone wrote this` : line))
      : before;
    expect(tree(work)).toEqual(expected);
  }
});

test('a server of the network is read, and changed once after the yes; its secret arrives and stands nowhere else', async () => {
  const token = 'tok-5f2c9a-geheim-0123456789';
  const asked: { method: string | undefined; url: string | undefined; token: string | undefined; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    const given = request.headers.authorization;
    asked.push({ method: request.method, url: request.url, token: given, body });
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ 温度: 21, echo: given }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  stack.write('home/hub.token', `${token}\n`, 0o600);
  const hub = `{name: hub, url: "http://127.0.0.1:${port}/api", methods: [GET, POST], share: true, headers: {Authorization: "Bearer secret://hub"}}`;
  stack.write(
    'home/config.yaml',
    `allow:\n  lan:\n    - ${hub}\nsecrets: {hub: {file: ${join(stack.dir, 'home/hub.token')}}}\n`,
    0o600,
  );
  await stack.running('edge').kill();
  await stack.edge();
  tidying = [
    [[/get$/i, { url: 'hub/rooms', query: [{ name: 'raum', value: '厨房' }] }]],
    [[/send$/i, { url: `http://127.0.0.1:${port}/api/rooms`, body: '{"set":22}' }]],
  ];
  const { id: run } = await json('ask', '--no-wait', 'Tidy');
  await pending(1);
  const [waiting] = await json('approvals', 'ls');
  const shown = await stack.cli(['approvals', 'show', waiting.id, '--whole']);
  expect(shown.stdout).toContain('authorization: Bearer secret://hub');
  expect(asked).toMatchObject([{ method: 'GET', url: '/api/rooms?raum=%E5%8E%A8%E6%88%BF', token: `Bearer ${token}` }]);
  expect(await allowAll(run)).toHaveLength(1);
  expect(asked.slice(1)).toEqual([{ method: 'POST', url: '/api/rooms', token: `Bearer ${token}`, body: '{"set":22}' }]);
  const { stdout } = await stack.cli(['runs', 'show', run, '--json']);
  expect(stdout).toContain('温度');
  expect(stdout).toContain('***hub***');
  const ledger = await stack.cli(['egress', 'ls', '--json']);
  expect(ledger.stdout).toContain('config:lan/hub/');
  const journal = readdirSync(join(stack.dir, 'home'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'hub.token')
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)).toString('latin1'));
  for (const text of [shown.stdout, stdout, ledger.stdout, ...journal]) expect(text).not.toContain(token);
  server.close();
});
