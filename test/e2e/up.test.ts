// `bowline up` and the command line as people use them, all as processes: what is shared, what is not, and what is told.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { filesWith } from '../support/files-with.ts';
import type { Program } from '../support/program.ts';
import { Stack } from '../support/stack.ts';

const SENTENCE = 'The launch date is the ninth of May, in the old harbour.';
const CHINESE = '新船的下水日期是五月九日，地点在老港口。';
const QUESTION = 'What does notes.md say about the launch date?';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let stack: Stack;
let device: string;
let up: Program;

beforeAll(async () => {
  stack = await Stack.create({
    'notes.md': `# Notes\n\nSome words first.\n${SENTENCE}\nNothing else.\n`,
    '笔记.md': `# 笔记\n\n${CHINESE}\n其他事情以后再说。\n`,
    'log.txt': '',
    '计划.txt': '旧的一行\n',
  });
  const entry = (name: string, confirm: string) => `    - { path: ${stack.docs}/${name}, confirm: ${confirm} }\n`;
  stack.write('home/config.yaml', `allow:\n  write:\n${entry('log.txt', 'never')}${entry('计划.txt', 'always')}`);
  stack.env.OPENAI_API_KEY = 'a-secret-of-a-provider';
  const { ready, program } = await stack.up('--set', 'BOWLINE_WEB_BRAVE_KEY=a-secret-of-a-provider');
  expect(ready).toMatchObject({ control: stack.url, home: stack.home, model: 'rules' });
  device = String(ready.device);
  up = program;
});

afterAll(() => stack?.close());

/** Runs `bowline` with `--json` and reads what it printed. */
async function json(...words: string[]) {
  const { code, stdout, stderr } = await stack.cli([...words, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

test('an ask that shares nothing tells nothing of the file, and no byte of it reaches the control plane or a log', async () => {
  const answer = await json('ask', QUESTION);
  expect(answer.state).toBe('answered');
  expect(JSON.stringify(answer)).not.toContain(SENTENCE);
  expect(answer.withheld).toContainEqual(expect.objectContaining({ name: 'docs/notes.md', field: 'text' }));

  for (const folder of ['control', 'logs']) expect(filesWith(join(stack.home, folder), SENTENCE)).toEqual([]);
  // The search is able to find: what was asked is in the database.
  expect(filesWith(join(stack.home, 'control'), QUESTION)).not.toEqual([]);
});

test('a shared file is quoted with its name and line, and the ledger says what left', async () => {
  const { code, stdout, stderr } = await stack.cli(['ask', '--share', 'notes.md', QUESTION]);
  expect(code).toBe(0);
  expect(stdout).toContain(SENTENCE);
  expect(stdout).toMatch(/notes\.md:4/);
  expect(stderr).toMatch(/shared for this run: 1 file, \d+ bytes, with rules \(local\)/);

  const answer = await json('ask', '--share', '*.md', QUESTION);
  expect(answer).toMatchObject({ state: 'answered', withheld: [] });
  expect(answer.answer).toContain(SENTENCE);
  expect(answer.sources).toContainEqual(expect.objectContaining({ path: 'docs/notes.md', startLine: 4 }));
  expect(answer.jobs).toContainEqual(
    expect.objectContaining({ method: 'bowline.capability.fs.v1.FsService/Read', attempts: 1 }),
  );
  expect(answer.usage).not.toBeNull();
  const left = answer.egress.filter((line: { path: string; field: string }) => line.field.endsWith('text'));
  expect(left).toContainEqual(expect.objectContaining({ path: 'docs/notes.md', grant: expect.stringMatching(/./) }));

  stack.write('docs/large.md', 'x'.repeat((4 << 20) + 1));
  const partial = await stack.cli(['ask', '--share', '.', QUESTION]);
  rmSync(join(stack.docs, 'large.md'));
  expect(partial).toMatchObject({ code: 8, stdout: expect.stringContaining(SENTENCE) });
  expect(partial.stderr).toMatch(/not shared: docs\/large\.md: .* \(FILE_TOO_LARGE\)/);

  const ledger = await json('egress', 'ls');
  expect(JSON.stringify(ledger)).toContain('docs/notes.md');
});

test('a question in Chinese about a Chinese file is answered from it, and only if it is shared', async () => {
  const question = '笔记.md 里的下水日期是哪一天？';
  const shared = await json('ask', '--share', '笔记.md', question);
  expect(shared.answer).toContain(CHINESE.replace(/。$/, ''));
  expect(shared.sources).toContainEqual(expect.objectContaining({ path: 'docs/笔记.md', startLine: 3 }));
  const closed = await json('ask', question);
  expect(closed.answer).not.toContain(CHINESE.slice(0, 8));
});

test('a share that matches nothing, and a question that is a path, end before anything is sent', async () => {
  const before = (await json('runs', 'ls')).length;
  const nothing = await stack.cli(['ask', '--share', 'nothing-*.md', QUESTION]);
  expect(nothing).toMatchObject({ code: 2, stdout: '' });
  expect(nothing.stderr).toContain('nothing-*.md');
  const path = await stack.cli(['ask', '--share', 'log.txt', 'notes.md']);
  expect(path.code).toBe(2);
  expect(path.stderr).toContain('quote');
  expect(await json('runs', 'ls')).toHaveLength(before);
});

test('runs, conversations, devices, workers, status and the journal can be listed and checked', async () => {
  const { id: runId, conversation } = await json('ask', QUESTION);
  expect(await json('runs', 'ls')).toContainEqual(expect.objectContaining({ id: runId }));
  expect(JSON.stringify(await json('runs', 'show', runId))).toContain(QUESTION);
  expect(JSON.stringify(await json('conversations', 'ls'))).toContain(conversation);
  expect(JSON.stringify(await json('conversations', 'show', conversation))).toContain(runId);
  expect(await json('devices', 'ls')).toEqual([expect.objectContaining({ name: device, connected: true })]);
  const workers = (await json('workers', 'ls')).map(({ name }: { name: string }) => name);
  expect(workers).toEqual(expect.arrayContaining(['local-embed', 'local-llm']));
  expect(JSON.stringify(await json('status'))).toContain('rules');
  expect(JSON.stringify(await json('journal', 'verify'))).toMatch(/"ok":true|"records":/);
  expect((await stack.cli(['logs'])).stdout).toContain('the control plane listens');

  const followed = await json('ask', '-c', conversation, 'And who is in charge?');
  expect(followed.conversation).toBe(conversation);
});

test('call reads through the mesh, shows the schema, and explains malformed input', async () => {
  const read = await stack.cli(['call', 'fs.Read', '--data', '{"path":"docs/notes.md"}']);
  expect(read.code).toBe(0);
  expect(JSON.parse(read.stdout)).toMatchObject({ file: { path: 'docs/notes.md' } });
  expect(read.stdout).not.toContain(SENTENCE);
  expect(read.stderr).toMatch(/withheld: docs\/notes\.md: .*text.*, not shared/);
  expect((await stack.cli(['call', 'fs.Read', '--help'])).stdout).toContain('startLine');

  const broken = await stack.cli(['call', 'fs.Read', '--data', '{"path":']);
  expect(broken).toMatchObject({ code: 2 });
  expect(broken.stderr).toMatch(/--data:1:\d+|line 1/);
  expect(await stack.cli(['call', 'fs.Reed'])).toMatchObject({ code: 2 });
  const nobody = await stack.cli(['call', 'fs.Read', '--device', 'nobody', '--data', '{"path":"docs"}']);
  expect(nobody).toMatchObject({ code: 6, stderr: expect.stringContaining('no such device') });
  const outside = await stack.cli(['call', 'fs.Read', '--data', '{"path":"/etc/hostname"}']);
  expect(outside).toMatchObject({ code: 5 });
});

test('a write that config.yaml lists word for word happens, once for its key; others do not', async () => {
  const line = JSON.stringify({ path: 'docs/log.txt', text: 'one line\n', mode: 'WRITE_MODE_APPEND' });
  const write = () => stack.cli(['call', 'fs.Write', '--idempotency-key', 'k1', '--data', line]);
  expect(await write()).toMatchObject({ code: 0 });
  expect(await write()).toMatchObject({ code: 0 });
  expect(stack.read('docs/log.txt')).toBe('one line\n');

  const other = JSON.stringify({ path: 'docs/other.txt', text: 'x', mode: 'WRITE_MODE_CREATE' });
  expect(await stack.cli(['call', 'fs.Write', '--data', other])).toMatchObject({ code: 5 });
  expect(readdirSync(stack.docs)).not.toContain('other.txt');
  expect(await stack.cli(['call', 'shell.Run', '--data', '{"argv":["true"]}'])).toMatchObject({ code: 5 });
});

test('a write that asks waits for the owner: shown as it is, done once it is allowed, and not when it is denied', async () => {
  const data = JSON.stringify({ path: 'docs/计划.txt', text: '新的一行\n', mode: 'WRITE_MODE_REPLACE' });
  const waiting = async (): Promise<{ id: string; digest: string }> => {
    const found = await vi.waitFor(
      async () => {
        const all = await json('approvals', 'ls');
        expect(all).toHaveLength(1);
        return all;
      },
      { timeout: 30_000, interval: 200 },
    );
    return found[0];
  };
  const denied = stack.spawnCli(['call', 'fs.Write', '--data', data]);
  const first = await waiting();
  expect((await stack.cli(['approvals', 'show', first.id])).stdout).toContain('    -旧的一行\n    +新的一行\n');
  expect((await stack.cli(['status'])).stdout).toContain('1 call waits for your yes');
  expect((await stack.cli(['approvals', 'allow', first.id])).code).toBe(2);
  expect((await stack.cli(['approvals', 'deny', first.id.slice(-8)])).code).toBe(0);
  expect((await denied.ended).code).toBe(5);
  expect(stack.read('docs/计划.txt')).toBe('旧的一行\n');

  const allowed = stack.spawnCli(['call', 'fs.Write', '--data', data]);
  const second = await waiting();
  const other = await stack.cli(['approvals', 'allow', second.id, '--digest', first.digest]);
  expect(other.stderr).toContain('APPROVAL_CHANGED');
  expect((await stack.cli(['approvals', 'allow', second.id, '--digest', second.digest.slice(0, 12)])).code).toBe(0);
  expect((await allowed.ended).code).toBe(0);
  expect(stack.read('docs/计划.txt')).toBe('新的一行\n');
  expect((await stack.cli(['approvals', 'ls', '--all'])).stdout).toMatch(/allowed[\s\S]*denied/);
});

test('chat answers line by line from a pipe', async () => {
  const { code, stdout } = await stack.cli(['chat', '--share', '*.md'], { input: `${QUESTION}\nwho?\n` });
  expect(code).toBe(0);
  expect(stdout).toContain(SENTENCE);
});

test('--no-wait leaves the run behind, and runs watch shows its answer', async () => {
  const left = await stack.cli(['ask', '--no-wait', '--share', 'notes.md', QUESTION]);
  expect(left.code).toBe(4);
  const run = left.stdout.trim();
  const watched = await stack.cli(['runs', 'watch', run]);
  expect(watched).toMatchObject({ code: 0 });
  expect(watched.stdout).toContain(SENTENCE);
});

test('what is taken says so: the home, and the port', async () => {
  const again = stack.start('up', ['--allow', stack.docs, '--port', '0']);
  expect((await again.ended).code).toBe(6);
  expect(again.stderr).toContain('HOME_LOCKED');
  const edge = stack.start('edge', ['--allow', stack.docs]);
  expect((await edge.ended).code).toBe(6);
  expect(edge.stderr).toMatch(/HOME_LOCKED|another/);

  const other = await Stack.create();
  try {
    const taken = other.start('up', ['--allow', other.docs, '--port', String(stack.port)]);
    expect((await taken.ended).code).toBe(6);
    expect(taken.stderr).toContain(String(stack.port));
  } finally {
    await other.close();
  }
});

test('on a machine with too little memory `up` explains how to run the cloud part elsewhere', async () => {
  const other = await Stack.create();
  try {
    other.env.NODE_OPTIONS = '--import=data:text/javascript,process.constrainedMemory=()=>9e8';
    const up = other.start('up', ['--allow', other.docs, '--port', String(other.port)]);
    const { code } = await up.ended;
    expect(code).not.toBe(0);
    expect(up.stderr).toContain('MEMORY_TOO_SMALL');
    expect(up.stderr).toMatch(/900 MB[\s\S]*bowline edge/);
    expect(readdirSync(other.home)).toEqual([]);
  } finally {
    await other.close();
  }
});

test('a typo in config.yaml is told with its line and column, before anything runs', async () => {
  const other = await Stack.create();
  try {
    other.write('home/config.yaml', 'allow:\n  reed:\n    - /tmp\n');
    const up = other.start('up', ['--allow', other.docs, '--port', String(other.port)]);
    expect((await up.ended).code).toBe(2);
    expect(up.stderr).toMatch(/config\.yaml:2:3/);
  } finally {
    await other.close();
  }
});

test('the owner key is private, and no log holds a key', () => {
  const key = stack.ownerKey;
  expect(key).toMatch(/^bwo_/);
  const secrets = [key, JSON.parse(readFileSync(join(stack.home, 'device.json'), 'utf8')).secret].filter(Boolean);
  for (const secret of secrets) expect(filesWith(join(stack.home, 'logs'), String(secret))).toEqual([]);
});

/** Ids of the processes whose command line names this home. */
const processes = (program: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const words = commandOf(pid);
      return words.includes(stack.home) && words.some((word) => word === program);
    })
    .map(Number);

function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

const soon = { timeout: 30_000, interval: 200 };

test('the worker of `up` may be killed in the middle of an answer: all else goes on, and the question is answered', async () => {
  const [worker = 0, ...others] = processes('worker');
  expect(others).toEqual([]);
  // Stopped first, so that the answer is under way for certain when it is killed.
  process.kill(worker, 'SIGSTOP');
  const asked = await stack.cli(['ask', '--no-wait', '--share', 'notes.md', QUESTION]);
  const run = asked.stdout.trim();
  await vi.waitFor(async () => expect(JSON.stringify(await json('runs', 'show', run))).toContain('Chat'), soon);
  process.kill(worker, 'SIGKILL');

  expect((await stack.cli(['call', 'fs.Read', '--data', '{"path":"docs/log.txt"}'])).code).toBe(0);
  // While nobody answers, `status` may say so with its exit code: it depends on how fast the worker is back.
  const { control, edge } = JSON.parse((await stack.cli(['status', '--json'])).stdout);
  expect(edge.connection).toBe('connected');
  expect(control.children).toContainEqual(
    expect.objectContaining({ name: 'worker', ends: 1, lastEnd: 'ended by SIGKILL' }),
  );
  const watched = await stack.cli(['runs', 'watch', run]);
  expect(watched.stdout).toContain(SENTENCE);
  expect(processes('worker')).not.toContain(worker);
  expect(stack.logs()).toContain('the worker ended; it is started again');
  expect((await json('status')).health).toMatchObject({ ok: true });
});

test('a sensitive conversation is answered here, also after the edge was killed, and nothing of it is at the control plane', async () => {
  const [canary, question] = ['Quittenkompott', 'What does notes.md say about the launch date of Quittenkompott?'];
  const asked = await json('ask', '--sensitive', question);
  expect(asked).toMatchObject({ state: 'answered', answeredBy: 'rules on this box', egress: [], withheld: [] });
  expect(asked.answer).toContain(SENTENCE);
  // Once it is sensitive it stays so.
  const again = await json('ask', '-c', asked.conversation.slice(-12), '笔记.md 里 Quittenkompott 的下水日期是什么？');
  expect(again).toMatchObject({ conversation: asked.conversation, answeredBy: 'rules on this box' });
  expect(again.answer).toContain('五月九日');
  const open = await json('ask', 'Which notes are there?');
  const late = await stack.cli(['ask', '--sensitive', '-c', open.conversation, canary]);
  expect(late).toMatchObject({ code: 5, stderr: expect.stringContaining('CONVERSATION_LEAVES') });

  const begun = await stack.cli(['ask', '--sensitive', '--no-wait', question]);
  const run = begun.stdout.trim();
  process.kill(Number(readFileSync(join(stack.home, 'edge.pid'), 'utf8')), 'SIGKILL');
  await vi.waitFor(async () => expect((await stack.cli(['runs', 'watch', run])).stdout).toContain(SENTENCE), {
    timeout: 30_000,
  });
  const listed = await json('conversations', 'ls');
  expect(listed.find(({ id }: { id: string }) => id === asked.conversation)).toMatchObject({
    sensitive: true,
    turns: 2,
  });
  expect((await stack.cli(['conversations', 'show', asked.conversation])).stdout).toContain(question);
  expect(await json('runs', 'show', run)).toMatchObject({ sensitive: true, state: 'answered' });
  expect((await stack.cli(['runs', 'cancel', run])).stderr).toContain('has ended already: answered');

  for (const word of [canary, asked.id, asked.conversation, run])
    for (const folder of ['control', 'logs'])
      expect(filesWith(join(stack.home, folder), word), `${word} in ${folder}`).toEqual([]);
  // The search is able to find: it is on the box.
  expect(filesWith(join(stack.home, 'journal'), canary)).not.toEqual([]);
  const runs = JSON.stringify([await json('runs', 'ls', '--all'), await json('egress', 'ls')]);
  for (const word of [canary, asked.id, run]) expect(runs).not.toContain(word);
});

test('no secret of `up` is in the command line or the environment of its children', async () => {
  for (const pid of [...processes('worker'), ...processes('edge')]) {
    const seen = `${commandOf(String(pid)).join(' ')} ${readFileSync(`/proc/${pid}/environ`, 'utf8')}`;
    expect(seen).not.toContain('a-secret-of-a-provider');
    expect(seen).not.toMatch(/bw[wo]_/);
  }
});

test('children of an `up` that was killed end with it', async () => {
  expect(processes('worker')).toHaveLength(1);
  expect(processes('edge')).toHaveLength(1);
  await up.kill();
  await vi.waitFor(() => expect([...processes('worker'), ...processes('edge')]).toEqual([]), soon);
});
