// The verbs of this room, as a person types them, on a home in a temporary folder.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EmbedRequestSchema, EmbedResponseSchema } from '../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { ChatRequestSchema, ChatResponseSchema, Role } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { FakeEmbeddings } from '../../../test/support/fake-embeddings.ts';
import { chunk, events, FakeProvider, fail } from '../../../test/support/fake-provider.ts';
import { ScriptedControl } from '../../../test/support/scripted-control.ts';
import { withPin } from '../../base/pin.ts';
import { registerWorkerCommands } from './commands.ts';
import type { WorkerIo } from './worker-io.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bowline-test-worker-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

interface Ran {
  readonly out: string;
  readonly err: string;
}

async function run(words: string[], io: Partial<WorkerIo> = {}): Promise<Ran> {
  const said = { out: '', err: '' };
  const program = new Command('bowline')
    .exitOverride()
    .configureOutput({ writeOut: (t) => (said.out += t), writeErr: () => {} });
  program.option('--home <folder>').option('--control <url>');
  registerWorkerCommands(program, {
    env: {},
    stdin: new PassThrough(),
    stdout: { write: (text) => (said.out += text) },
    stderr: { write: (text) => (said.err += text) },
    ...io,
  });
  await program.parseAsync(['--home', home, ...words], { from: 'user' });
  return said;
}

const LOCAL = [
  'models',
  'set',
  'local',
  '--provider',
  'openai-compatible',
  '--model',
  'llama',
  '--base-url',
  'http://127.0.0.1:9/v1',
];

test('without a file there are the rules model and lexical vectors, each the default of its kind', async () => {
  const { out } = await run(['models', 'ls', '--json']);
  expect(JSON.parse(out)).toEqual([
    {
      name: 'rules',
      kind: 'chat',
      provider: 'rules',
      model: 'rules',
      baseUrl: '',
      local: true,
      key: 'not needed',
      default: true,
    },
    {
      name: 'lexical',
      kind: 'embedding',
      provider: 'lexical',
      model: 'char-ngrams-1024-v1',
      baseUrl: '',
      local: true,
      key: 'not needed',
      default: true,
      dimension: 1024,
    },
  ]);
  const { out: shown } = await run(['models', 'ls']);
  expect(shown).toMatch(/rules \*/);
  expect(shown).toMatch(/lexical \*/);
});

test('a model is set, made the default, shown and forgotten; comments in the file stay', async () => {
  writeFileSync(join(home, 'models.yaml'), '# mine\nmodels: # all of them\n');
  const set = await run(LOCAL);
  expect(set.err).toContain('rules is still the default');
  await run(['models', 'default', 'local']);
  const file = join(home, 'models.yaml');
  expect(readFileSync(file, 'utf8')).toContain('# mine');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const [, shown] = JSON.parse((await run(['models', 'ls', '--json'])).out);
  expect(shown).toEqual({
    name: 'local',
    kind: 'chat',
    provider: 'openai-compatible',
    model: 'llama',
    baseUrl: 'http://127.0.0.1:9/v1',
    local: true,
    key: 'none',
    default: true,
  });
  expect((await run(['models', 'rm', 'local'])).err).toContain('the default is rules again');
  expect(JSON.parse((await run(['models', 'ls', '--json'])).out)).toHaveLength(2);
});

const BGE = [
  ...['models', 'set', 'bge', '--embedding', '--provider', 'openai-compatible', '--model', 'bge-m3'],
  ...['--dimension', '8', '--base-url'],
];

test('a model for vectors is set, made the default, tested, shown and forgotten, beside those that answer', async () => {
  const server = new FakeEmbeddings({ dimension: 8 });
  const url = await server.listen();
  try {
    await run(LOCAL);
    const set = await run([...BGE, url, '--query-prefix', 'query: ']);
    expect(set.err).toContain('lexical is still the default');
    expect((await run(['models', 'default', 'bge'])).err).toContain('bge makes the vectors');
    const rows = JSON.parse((await run(['models', 'ls', '--json'])).out) as { name: string; default: boolean }[];
    expect(rows.map((row) => `${row.name} ${row.default}`)).toEqual([
      'rules true',
      'local false',
      'lexical false',
      'bge true',
    ]);
    expect(rows[3]).toMatchObject({ kind: 'embedding', model: 'bge-m3', dimension: 8, local: true });
    expect(JSON.parse((await run(['models', 'test', 'bge', '--json'])).out)).toMatchObject({
      name: 'bge',
      id: expect.stringMatching(/^bge\/bge-m3-8-p/),
      dimension: 8,
      lexical: false,
      inputTokens: 20,
    });
    expect((await run(['models', 'test', 'lexical'])).out).toMatch(/compare letters, not meaning/);
    await run([...BGE.with(BGE.indexOf('8'), '9'), url]);
    await expect(run(['models', 'test', 'bge'])).rejects.toMatchObject({ reason: 'DIMENSION_WRONG' });
    expect(readFileSync(join(home, 'models.yaml'), 'utf8')).toContain('query_prefix');
    expect((await run(['models', 'rm', 'bge'])).err).toContain('the default is lexical again');
  } finally {
    await server.close();
  }
});

test('`default lexical` works in a home without a file, and with an empty section', async () => {
  await run(['models', 'default', 'lexical']);
  writeFileSync(join(home, 'models.yaml'), 'embeddings:\n');
  await run(['models', 'default', 'lexical']);
  expect(readFileSync(join(home, 'models.yaml'), 'utf8')).toContain('default: lexical');
});

test.each([
  [[...LOCAL, '--dimension', '8'], /belong to --embedding/],
  [[...BGE, 'http://127.0.0.1:9/v1', '--max-output-tokens', '9'], /does not belong/],
  [BGE.slice(0, -3), /needs --dimension/],
  [[...BGE.with(BGE.indexOf('8'), '0'), 'http://127.0.0.1:9/v1'], /whole number from 1/],
  [BGE.with(BGE.indexOf('openai-compatible'), 'anthropic').slice(0, -1), /makes no vectors/],
  [BGE.slice(0, -1), /base_url/],
  [[...BGE.with(2, 'lexical'), 'http://127.0.0.1:9/v1'], /is taken/],
  [[...BGE, 'http://example.com/v1'], /https/],
  [['models', 'rm', 'lexical'], /built in/],
] as const)('a model for vectors that cannot be meant is refused: %j', async (words, problem) => {
  await expect(run([...words])).rejects.toMatchObject({
    reason: 'USAGE',
    message: expect.stringMatching(problem),
  });
});

test('no name stands for both a model that answers and one that makes vectors', async () => {
  await run(LOCAL);
  const same = run([...BGE.with(2, 'local'), 'http://127.0.0.1:9/v1']);
  await expect(same).rejects.toMatchObject({ message: expect.stringMatching(/is taken/) });
});

test('a key is asked for without echo, kept with mode 0600, and printed nowhere', async () => {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin });
  const words = ['models', 'set', 'claude', '--provider', 'anthropic', '--model', 'c'];
  const running = run(words, { stdin });
  stdin.write('sk-secret\r');
  const { out, err } = await running;
  expect(err).toContain('Key of claude');
  expect(out + err).not.toContain('sk-secret');
  const kept = join(home, 'keys', 'claude');
  expect(readFileSync(kept, 'utf8')).toBe('sk-secret\n');
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(home, 'models.yaml'), 'utf8')).not.toContain('sk-secret');
  const listed = await run(['models', 'ls']);
  expect(listed.out).toContain('file:claude');
  expect(listed.out).not.toContain('sk-secret');
  await run(['models', 'rm', 'claude']);
  expect(() => statSync(kept)).toThrow();
});

test('keys also come from standard input, a file that stays where it is, or the environment; without any of it a provider is refused', async () => {
  const stdin = new PassThrough();
  stdin.end('from-stdin\n');
  await run(['models', 'set', 'a', '--provider', 'openai', '--model', 'm', '--key-file', '-'], { stdin });
  expect(readFileSync(join(home, 'keys', 'a'), 'utf8')).toBe('from-stdin\n');
  const file = join(home, 'elsewhere');
  writeFileSync(file, 'k\n', { mode: 0o640 });
  await run(['models', 'set', 'b', '--provider', 'openai', '--model', 'm', '--key-file', file]);
  await run(['models', 'set', 'c', '--provider', 'openai', '--model', 'm', '--key-env', 'SOME_KEY']);
  const rows = JSON.parse((await run(['models', 'ls', '--json'], { env: {} })).out) as { key: string }[];
  expect(rows.map((row) => row.key)).toEqual([
    'not needed',
    'file:a',
    `file:${file}`,
    'env:SOME_KEY (missing)',
    'not needed',
  ]);
  await expect(run(['models', 'set', 'd', '--provider', 'openai', '--model', 'm'])).rejects.toMatchObject({
    reason: 'USAGE',
  });
});

test.each([
  ['models:\n  x:\n    provider: openia\n    model: m\n', 3, 5, /openai/],
  ['defualt: x\n', 1, 1, /did you mean `default`/],
  ['default: nope\n', 1, 1, /no model `nope`/],
  ['models:\n  x:\n    provider: openai-compatible\n    model: m\n', 2, 3, /base_url/],
  ['models:\n  x:\n    provider: openai\n    model: m\n    key: sk-abcdef\n', 5, 5, /never stands here/],
  ['models:\n  openai:\n    provider: anthropic\n    model: m\n', 2, 3, /is taken/],
  ['models:\n  x:\n    provider: openai\n    model: m\n    base_url: http://example.com/v1\n', 5, 5, /https/],
  ['embeddings:\n  default: nope\n', 2, 3, /no embedding model `nope`/],
  ['embeddings:\n  models:\n    x:\n      provider: openai\n      model: m\n', 4, 7, /dimension/],
  [
    'models:\n  x: {provider: openai, model: m}\nembeddings:\n  models:\n    x: {provider: openai, model: m, dimension: 3}\n',
    5,
    5,
    /is taken/,
  ],
])('a mistake in models.yaml is told by line and column: %j', async (text, line, column, problem) => {
  writeFileSync(join(home, 'models.yaml'), text);
  const error = await run(['models', 'ls']).then(
    () => undefined,
    (e: unknown) => e as Error & { reason: string; metadata: Record<string, string> },
  );
  expect(error).toMatchObject({ reason: 'CONFIG_INVALID', metadata: { line: String(line), column: String(column) } });
  expect(error?.message).toMatch(problem);
  expect(error?.message).not.toContain('sk-abcdef');
  await expect(run(LOCAL)).rejects.toMatchObject({ reason: 'CONFIG_INVALID' });
  expect(readFileSync(join(home, 'models.yaml'), 'utf8')).toBe(text);
});

test('a key file that others can read is refused', async () => {
  await run([...LOCAL, '--key-file', '-'], { stdin: new PassThrough().end('k') });
  writeFileSync(join(home, 'keys', 'local'), 'k', { mode: 0o600 });
  const { chmodSync } = await import('node:fs');
  chmodSync(join(home, 'keys', 'local'), 0o644);
  await expect(run(['models', 'test', 'local'])).rejects.toMatchObject({ reason: 'SECRET_FILE_UNSAFE' });
});

test('`models test` asks one question and prints time and usage; a refused key is said', async () => {
  const rules = JSON.parse((await run(['models', 'test', '--json'])).out);
  expect(rules).toMatchObject({ name: 'rules', provider: 'rules' });
  const server = new FakeProvider();
  const url = await server.listen();
  try {
    await run(['models', 'set', 'house', '--provider', 'openai-compatible', '--model', 'm', '--base-url', url]);
    server.reply = (response) => {
      const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
      events(response, [chunk({ content: 'ok\u001b[31m' }), chunk({}, 'stop', usage), '[DONE]']);
      response.end();
    };
    const { out } = await run(['models', 'test', 'house']);
    expect(out).toMatch(/tokens\s+3 read, 2 written/);
    expect(out).not.toContain('\u001b');
    expect(server.requests[0]?.body.tools).toBeUndefined();
    server.reply = fail(401, {});
    await expect(run(['models', 'test', 'house'])).rejects.toMatchObject({ reason: 'PROVIDER_KEY_MISSING' });
    await expect(run(['models', 'test', 'nope'])).rejects.toMatchObject({ reason: 'MODEL_UNKNOWN' });
  } finally {
    await server.close();
  }
});

test('`worker --serve embed` says who receives the texts, and answers with lexical vectors', async () => {
  const control = new ScriptedControl();
  const url = await control.listen();
  const keyFile = join(home, 'worker.key');
  writeFileSync(keyFile, `${withPin('bww_abcaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', control.publicKey)}\n`, {
    mode: 0o600,
  });
  let stop = (_why: string) => {};
  const stopping = () => new Promise<string>((resolve) => (stop = resolve));
  try {
    const words = ['worker', '--serve', 'embed', '--control', url, '--key-file', keyFile, '--name', 'w'];
    const running = run(words, { stopping });
    const session = (await control.session()).welcome();
    expect(session.hello.models).toMatchObject([{ provider: 'lexical', local: true }]);
    const params = toBinary(EmbedRequestSchema, create(EmbedRequestSchema, { texts: ['发布日期', 'launch'] }));
    session.assign({ dispatchId: 'r/0/0-1', method: 'bowline.capability.embed.v1.EmbedService/Embed', params });
    const { result } = await session.result('r/0/0-1');
    if (result.case !== 'done') throw new Error('not done');
    const [response] = result.value.responses.map((bytes) => fromBinary(EmbedResponseSchema, bytes));
    expect(response).toMatchObject({ model: 'lexical/char-ngrams-1024-v1', dimension: 1024, lexical: true });
    expect(response?.vectors.map(({ values }) => values.length)).toEqual([1024, 1024]);
    session.committed('r/0/0-1');
    stop('SIGTERM');
    await running;
  } finally {
    await control.close();
  }
});

test('`worker` serves the rules model to a control plane until it is told to stop', async () => {
  const control = new ScriptedControl();
  const url = await control.listen();
  const keyFile = join(home, 'worker.key');
  writeFileSync(keyFile, `${withPin('bww_abcaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', control.publicKey)}\n`, {
    mode: 0o600,
  });
  let stop = (_why: string) => {};
  const stopping = () => new Promise<string>((resolve) => (stop = resolve));
  try {
    const running = run(
      [
        'worker',
        '--serve',
        'llm',
        '--control',
        url,
        '--key-file',
        keyFile,
        '--name',
        'w',
        '--slots',
        '3',
        '--label',
        'region=eu',
      ],
      { stopping },
    );
    const session = (await control.session()).welcome();
    expect(control.seenKeys).toEqual(['Bearer bww_abcaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']);
    expect(session.hello).toMatchObject({ name: 'w', slots: 3, models: [{ provider: 'rules' }] });
    expect(session.hello.manifest?.labels).toMatchObject([
      { name: 'tier', value: '0' },
      { name: 'region', value: 'eu' },
    ]);
    const request = create(ChatRequestSchema, {
      messages: [
        { role: Role.SYSTEM, parts: [{ part: { case: 'text', value: 'Shared files:\n- `d/notes.md`' } }] },
        {
          role: Role.USER,
          parts: [{ part: { case: 'text', value: 'What does notes.md say about the launch date?' } }],
        },
      ],
      tools: [{ name: 'fs_read' }],
    });
    const params = toBinary(ChatRequestSchema, request);
    session.assign({ dispatchId: 'r/0/0-1', method: 'bowline.capability.llm.v1.LlmService/Chat', params });
    const { result } = await session.result('r/0/0-1');
    if (result.case !== 'done') throw new Error('not done');
    const [call] = result.value.responses.map((bytes) => fromBinary(ChatResponseSchema, bytes));
    expect(call?.event).toMatchObject({
      case: 'toolCall',
      value: { name: 'fs_read', argumentsJson: '{"path":"d/notes.md"}' },
    });
    session.committed('r/0/0-1');
    stop('SIGTERM');
    const { out } = await running;
    expect(out).toContain('ready {"worker":"w"');
    expect(session.all('drain')).toHaveLength(1);
  } finally {
    await control.close();
  }
});

test('`worker` needs nothing but its environment', async () => {
  const control = new ScriptedControl();
  const url = await control.listen();
  const keyFile = join(home, 'worker.key');
  writeFileSync(keyFile, `${withPin('bww_abcaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', control.publicKey)}\n`, {
    mode: 0o600,
  });
  let stop = (_why: string) => {};
  const stopping = () => new Promise<string>((resolve) => (stop = resolve));
  const env = {
    BOWLINE_CONTROL: url,
    BOWLINE_WORKER_KEY_FILE: keyFile,
    BOWLINE_WORKER_SERVE: 'llm',
    BOWLINE_WORKER_NAME: 'box',
    BOWLINE_WORKER_SLOTS: '5',
    BOWLINE_WORKER_LABELS: 'region=eu, note=a=b',
    BOWLINE_WORKER_MAX_RESULT_BYTES: '100000',
  };
  try {
    const running = run(['worker'], { env, stopping });
    const { hello } = (await control.session()).welcome();
    expect(control.seenKeys).toEqual(['Bearer bww_abcaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']);
    expect(hello).toMatchObject({ name: 'box', slots: 5 });
    expect(hello.manifest?.limits).toMatchObject({ slots: 5 });
    expect(Number(hello.manifest?.limits?.maxResultBytes)).toBe(100_000);
    expect(hello.manifest?.labels).toMatchObject([
      { name: 'tier', value: '0' },
      { name: 'region', value: 'eu' },
      { name: 'note', value: 'a=b' },
    ]);
    stop('SIGTERM');
    expect((await running).out).toContain('ready {"worker":"box"');
  } finally {
    await control.close();
  }
});

test('`worker` says what is missing: a control plane, a key, TLS', async () => {
  await expect(run(['worker'])).rejects.toMatchObject({ reason: 'NOT_RUNNING' });
  await expect(run(['worker', '--control', 'http://127.0.0.1:1'])).rejects.toMatchObject({ reason: 'USAGE' });
  await expect(run(['worker', '--control', 'http://example.com'])).rejects.toMatchObject({
    reason: 'INSECURE_CONTROL',
  });
});

test('every verb has help with examples', async () => {
  for (const words of [
    ['worker'],
    ['models'],
    ['models', 'ls'],
    ['models', 'set'],
    ['models', 'default'],
    ['models', 'rm'],
    ['models', 'test'],
  ]) {
    const said = { out: '' };
    const program = new Command('bowline').exitOverride();
    registerWorkerCommands(program, {
      env: {},
      stdin: new PassThrough(),
      stdout: { write() {} },
      stderr: { write() {} },
    });
    const command = words.reduce((at: Command, word) => at.commands.find((c) => c.name() === word)!, program);
    command.configureOutput({ writeOut: (text) => (said.out += text) }).outputHelp();
    if (words.join() !== 'models') expect(said.out).toMatch(/Examples?:/);
  }
});
