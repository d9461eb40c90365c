// The verb `models`, as a person types it.
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { FakeEmbeddings } from '../../../test/support/fake-embeddings.ts';
import { chunk, events, FakeProvider, fail } from '../../../test/support/fake-provider.ts';
import { WorkerVerbs } from '../../../test/support/worker-verbs.ts';
import type { WorkerIo } from './worker-io.ts';

const verbs = new WorkerVerbs();
const run = (words: readonly string[], io: Partial<WorkerIo> = {}) => verbs.run(words, io);

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
  writeFileSync(join(verbs.home, 'models.yaml'), '# mine\nmodels: # all of them\n');
  const set = await run(LOCAL);
  expect(set.err).toContain('rules is still the default');
  await run(['models', 'default', 'local']);
  const file = join(verbs.home, 'models.yaml');
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
    const wrong = await run(['models', 'test', 'bge']).catch((error: unknown) => error);
    expect(wrong).toMatchObject({ reason: 'DIMENSION_WRONG' });
    await run(/`bowline ([^`]+)`/.exec(String(wrong))![1]!.split(' '));
    expect((await run(['models', 'test', 'bge'])).out).toContain('8 numbers');
    expect(readFileSync(join(verbs.home, 'models.yaml'), 'utf8')).toContain('query_prefix');
    expect((await run(['models', 'rm', 'bge'])).err).toContain('the default is lexical again');
  } finally {
    await server.close();
  }
});

test('`default lexical` works in a home without a file, and with an empty section', async () => {
  await run(['models', 'default', 'lexical']);
  writeFileSync(join(verbs.home, 'models.yaml'), 'embeddings:\n');
  await run(['models', 'default', 'lexical']);
  expect(readFileSync(join(verbs.home, 'models.yaml'), 'utf8')).toContain('default: lexical');
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
  const kept = join(verbs.home, 'keys', 'claude');
  expect(readFileSync(kept, 'utf8')).toBe('sk-secret\n');
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(verbs.home, 'models.yaml'), 'utf8')).not.toContain('sk-secret');
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
  expect(readFileSync(join(verbs.home, 'keys', 'a'), 'utf8')).toBe('from-stdin\n');
  const file = join(verbs.home, 'elsewhere');
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
  writeFileSync(join(verbs.home, 'models.yaml'), text);
  const error = await run(['models', 'ls']).then(
    () => undefined,
    (e: unknown) => e as Error & { reason: string; metadata: Record<string, string> },
  );
  expect(error).toMatchObject({ reason: 'CONFIG_INVALID', metadata: { line: String(line), column: String(column) } });
  expect(error?.message).toMatch(problem);
  expect(error?.message).not.toContain('sk-abcdef');
  await expect(run(LOCAL)).rejects.toMatchObject({ reason: 'CONFIG_INVALID' });
  expect(readFileSync(join(verbs.home, 'models.yaml'), 'utf8')).toBe(text);
});

test('a key file that others can read is refused', async () => {
  await run([...LOCAL, '--key-file', '-'], { stdin: new PassThrough().end('k') });
  writeFileSync(join(verbs.home, 'keys', 'local'), 'k', { mode: 0o600 });
  chmodSync(join(verbs.home, 'keys', 'local'), 0o644);
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

test('a model that is there is changed by what is said alone: its key, its address, its dimension', async () => {
  const words = ['--provider', 'openai', '--model', 'm', '--max-output-tokens', '9', '--key-env', 'NONE'];
  await run(['models', 'set', 'gpt', ...words]);
  await run(['models', 'default', 'gpt']);
  const refused = await run(['models', 'test']).catch((error: Error) => error.message);
  const remedy = /`bowline ([^`]+)`/.exec(String(refused))?.[1];
  expect(remedy).toBe('models set gpt');
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin });
  const running = run(remedy!.split(' '), { stdin });
  stdin.write('sk-new\r');
  await running;
  expect(readFileSync(join(verbs.home, 'keys', 'gpt'), 'utf8')).toBe('sk-new\n');
  const yaml = () => readFileSync(join(verbs.home, 'models.yaml'), 'utf8');
  expect(yaml()).toMatch(/provider: openai\n\s+model: m\n\s+max_output_tokens: 9\n\s+key: file:gpt/);

  await run([...BGE, 'http://127.0.0.1:9/v1', '--query-prefix', 'query: ']);
  await run(['models', 'set', 'bge', '--dimension', '16']);
  expect(yaml()).toMatch(/dimension: 16[\s\S]*base_url: http:\/\/127.0.0.1:9\/v1[\s\S]*query_prefix/);
  await expect(run(['models', 'set', 'nobody'])).rejects.toMatchObject({
    reason: 'USAGE',
    message: expect.stringContaining('needs --provider'),
  });
});

test('an address without /v1 is said when it is set, found out by the test, and its remedy works', async () => {
  const server = new FakeProvider();
  const url = await server.listen();
  try {
    server.reply = (response, request) => {
      if (request.path === '/v1/models') return void response.end('{"data":[]}');
      if (!request.path.startsWith('/v1/')) return fail(404, {})(response, request);
      events(response, [chunk({ content: '好' }), chunk({}, 'stop'), '[DONE]']);
      response.end();
    };
    const bare = url.replace('/v1', '');
    const words = ['--provider', 'openai-compatible', '--model', 'm', '--base-url'];
    expect((await run(['models', 'set', 'house', ...words, url])).err).not.toContain('under /v1');
    expect((await run(['models', 'set', 'house', ...words, bare])).err).toContain('under /v1');
    const wrong = await run(['models', 'test', 'house']).catch((error: Error) => error);
    expect(wrong).toMatchObject({ reason: 'PROVIDER_ADDRESS_WRONG' });
    await run(/`bowline ([^`]+)`/.exec(String(wrong))![1]!.split(' '));
    expect((await run(['models', 'test', 'house'])).out).toContain('好');
    // Another fault of the server is told as it is.
    server.reply = fail(404, {});
    await run(['models', 'set', 'house', '--base-url', bare]);
    await expect(run(['models', 'test', 'house'])).rejects.toMatchObject({
      reason: 'PROVIDER_REFUSED',
      message: expect.stringContaining('which has no /v1'),
    });
  } finally {
    await server.close();
  }
});

test('a GGUF file is set with its path, and a library that is missing is told at once with its command', async () => {
  const file = join(verbs.home, 'm.gguf');
  const set = run(['models', 'set', 'own', '--provider', 'gguf', '--file', file, '--context-tokens', '4096']);
  await expect(set).rejects.toMatchObject({
    reason: 'LLAMA_MISSING',
    message: expect.stringMatching(/run `npm i .*node-llama-cpp/),
  });
  const shown = JSON.parse((await run(['models', 'ls', '--json'])).out);
  expect(shown).toContainEqual(expect.objectContaining({ name: 'own', provider: 'gguf', model: 'm.gguf' }));
  await expect(run(['models', 'set', 'own2', '--provider', 'gguf'])).rejects.toMatchObject({ reason: 'USAGE' });
  await run(LOCAL.with(2, 'own'));
  expect(readFileSync(join(verbs.home, 'models.yaml'), 'utf8')).not.toContain('m.gguf');
});
