// The real drivers against providers on loopback: real sockets, real wire formats.
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  FinishReason,
  Role,
} from '../../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { chunk, events, FakeProvider, fail } from '../../../../../test/support/fake-provider.ts';
import { systemClock } from '../../../../base/clock.ts';
import { AppError } from '../../../../base/errors.ts';
import { Secret } from '../../../../base/secret.ts';
import { loneContext } from '../../../kit/lone-context.ts';
import { providerDriver } from './provider-driver.ts';
import type { ProviderSettings } from './provider-settings.ts';

const KEY = 'sk-very-secret';
let server: FakeProvider;
let url: string;
beforeEach(async () => {
  server = new FakeProvider();
  url = await server.listen();
});
afterEach(() => server.close());

const text = (value: string) => [{ part: { case: 'text' as const, value } }];
const REQUEST: ChatRequest = create(ChatRequestSchema, {
  messages: [
    { role: Role.SYSTEM, parts: text('Be short.') },
    { role: Role.USER, parts: text('Read notes.md') },
    { role: Role.ASSISTANT, toolCalls: [{ id: 'a', name: 'fs_read', argumentsJson: '{"path":"notes.md"}' }] },
    { role: Role.TOOL, parts: text('{"text":"hello"}'), toolCallId: 'a', toolName: 'fs_read' },
  ],
  tools: [
    {
      name: 'fs_read',
      description: 'Reads a file.',
      parametersJson: JSON.stringify({ type: 'object', properties: { path: { type: 'string' } }, required: ['path'] }),
    },
  ],
  maxOutputTokens: 99,
  sampling: { temperature: 0.5 },
});

async function collect(
  settings: Partial<ProviderSettings> = {},
  signal = new AbortController().signal,
  request = REQUEST,
) {
  const driver = providerDriver(
    { name: 'house', provider: 'openai-compatible', model: 'm', baseUrl: url, key: () => new Secret(KEY), ...settings },
    systemClock,
  );
  const context = loneContext({ signal });
  const said: ChatResponse[] = [];
  for await (const response of driver.chat(request, context)) said.push(response);
  return {
    text: said.map(({ event }) => (event.case === 'text' ? event.value.text : '')).join(''),
    calls: said.flatMap(({ event }) => (event.case === 'toolCall' ? [event.value] : [])),
    finish: said.flatMap(({ event }) => (event.case === 'finish' ? [event.value] : [])).at(-1),
    pieces: said.filter(({ event }) => event.case === 'text').length,
  };
}

const failure = async (settings: Partial<ProviderSettings> = {}): Promise<AppError> => {
  try {
    await collect(settings);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it did not fail');
};

test('an OpenAI-compatible server: streamed text, usage and what was sent', async () => {
  server.reply = (response) => {
    events(response, [
      chunk({ role: 'assistant', content: 'Hel' }),
      chunk({ content: 'lo 😀' }),
      chunk({}, 'stop'),
      {
        ...chunk({}),
        choices: [],
        usage: {
          prompt_tokens: 40,
          completion_tokens: 5,
          total_tokens: 45,
          prompt_tokens_details: { cached_tokens: 30 },
        },
      },
      '[DONE]',
    ]);
    response.end();
  };
  const got = await collect({ price: { input: 2, output: 10, cachedInput: 1 } });
  expect(got.text).toBe('Hello 😀');
  expect(got.pieces).toBe(2);
  expect(got.finish?.reason).toBe(FinishReason.STOP);
  expect(got.finish?.usage).toMatchObject({
    inputTokens: 40n,
    outputTokens: 5n,
    cachedInputTokens: 30n,
    costMicros: 100n,
  });
  expect(got.finish?.model).toMatchObject({ provider: 'house', name: 'm', local: true });
  const [sent] = server.requests;
  expect(sent?.path).toBe('/v1/chat/completions');
  expect(sent?.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(sent?.body).toMatchObject({ model: 'm', stream: true, max_tokens: 99, temperature: 0.5 });
  expect(sent?.body.messages.map((m: { role: string }) => m.role)).toEqual(['system', 'user', 'assistant', 'tool']);
  expect(sent?.body.messages[2].tool_calls[0]).toMatchObject({
    id: 'a',
    function: { name: 'fs_read', arguments: '{"path":"notes.md"}' },
  });
  expect(sent?.body.messages[3]).toMatchObject({ tool_call_id: 'a', content: '{"text":"hello"}' });
  expect(sent?.body.tools[0].function).toMatchObject({ name: 'fs_read', parameters: { required: ['path'] } });
});

test('an OpenAI-compatible server: tool calls come in pieces and leave whole, valid or not', async () => {
  const call = (index: number, id: string | undefined, name: string | undefined, args: string) =>
    chunk({
      tool_calls: [
        { index, ...(id ? { id, type: 'function' } : {}), function: { ...(name ? { name } : {}), arguments: args } },
      ],
    });
  server.reply = (response) => {
    events(response, [
      call(0, 'x', 'fs_read', '{"pa'),
      call(0, undefined, undefined, 'th":"a.md"}'),
      call(1, 'y', 'fs_read', '{"path": oops'),
      call(2, 'z', 'made_up', '{}'),
      chunk({}, 'tool_calls'),
      '[DONE]',
    ]);
    response.end();
  };
  const got = await collect();
  expect(got.calls[0]).toMatchObject({ id: 'x', name: 'fs_read', argumentsJson: '{"path":"a.md"}' });
  expect(got.calls[1]).toMatchObject({ id: 'y', name: 'fs_read', argumentsJson: '{"path": oops' });
  expect(got.calls[2]).toMatchObject({ id: 'z', name: 'made_up' });
  expect(got.finish?.reason).toBe(FinishReason.TOOL_CALLS);
  expect(got.finish?.usage?.outputTokens).toBeGreaterThan(0n);
});

test('429 is retryable, with the time the provider names, and it is tried only once', async () => {
  server.reply = fail(429, { error: { message: 'slow down', type: 'rate_limit_exceeded' } }, { 'retry-after': '7' });
  const error = await failure();
  expect(error).toMatchObject({ reason: 'PROVIDER_RATE_LIMITED', retryable: true });
  expect(error.metadata.retryAfterMs).toBe('7000');
  expect(server.requests).toHaveLength(1);
});

test.each([
  [500, {}, 'PROVIDER_UNAVAILABLE', true],
  [503, {}, 'PROVIDER_UNAVAILABLE', true],
  [408, {}, 'PROVIDER_UNAVAILABLE', true],
  [401, { error: { message: `Incorrect API key ${KEY}`, code: 'invalid_api_key' } }, 'PROVIDER_KEY_MISSING', false],
  [403, {}, 'PROVIDER_REFUSED', false],
  [404, { error: { message: 'model not found' } }, 'PROVIDER_REFUSED', false],
  [400, { error: { message: 'bad', type: 'invalid_request_error' } }, 'PROVIDER_REFUSED', false],
  [
    400,
    { error: { message: "This model's maximum context length is 4096 tokens", code: 'context_length_exceeded' } },
    'CONTEXT_TOO_LONG',
    false,
  ],
  [400, { error: { message: 'blocked', code: 'content_filter' } }, 'PROVIDER_REFUSED', false],
  [429, { error: { message: 'pay', code: 'insufficient_quota' } }, 'PROVIDER_REFUSED', false],
] as const)(
  'HTTP %i %j is %s, retryable %s, and tells nothing of key or content',
  async (status, body, reason, retryable) => {
    server.reply = fail(status, body);
    const error = await failure();
    expect(error).toMatchObject({ reason, retryable });
    expect(error.message).not.toContain(KEY);
    expect(server.requests).toHaveLength(1);
  },
);

test('a server that is not there is retryable', async () => {
  const gone = new FakeProvider();
  const address = await gone.listen();
  await gone.close();
  expect(await failure({ baseUrl: address })).toMatchObject({
    reason: 'PROVIDER_UNAVAILABLE',
    retryable: true,
    metadata: { problem: `ECONNREFUSED (${new URL(address).host})` },
  });
});

test('an answer that ends in the middle is retryable, whether cut or closed', async () => {
  server.reply = (response) => {
    events(response, [chunk({ content: 'Half' })]);
    setImmediate(() => response.destroy());
  };
  expect(await failure()).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE', retryable: true });
  server.reply = (response) => {
    events(response, [chunk({ content: 'Half' })]);
    response.end();
  };
  expect(await failure()).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE', retryable: true });
});

test('a server that hangs is given up after its time, and an abort reaches the socket', async () => {
  server.reply = () => {};
  expect(await failure({ firstChunkMs: 50 })).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE', retryable: true });
  const controller = new AbortController();
  server.reply = (response) => events(response, [chunk({ content: 'Well' })]);
  const reason = new AppError('CANCELED');
  const collected = collect({}, controller.signal);
  await server.until(() => server.requests.length === 2);
  controller.abort(reason);
  await expect(collected).rejects.toBe(reason);
  await server.until(() => server.requests.every((request) => request.aborted));
});

test('what was stopped before its first word is counted by its request: the provider has it, and may bill it', async () => {
  server.reply = () => {};
  const controller = new AbortController();
  const settings = { name: 'house', provider: 'openai-compatible', model: 'm', baseUrl: url } as const;
  const used: unknown[] = [];
  const context = { ...loneContext(), signal: controller.signal, report: (usage: unknown) => void used.push(usage) };
  const next = providerDriver(settings, systemClock).chat(REQUEST, context)[Symbol.asyncIterator]().next();
  await server.until(() => server.requests.length === 1);
  controller.abort(new AppError('CANCELED'));
  await expect(next).rejects.toMatchObject({ reason: 'CANCELED' });
  expect(used).toMatchObject([{ outputTokens: 0n, estimated: true }]);
});

test('a reader that leaves early frees the socket', async () => {
  server.reply = (response) => events(response, [chunk({ content: 'Well' })]);
  const settings = { name: 'house', provider: 'openai-compatible', model: 'm', baseUrl: url } as const;
  for await (const _ of providerDriver(settings, systemClock).chat(REQUEST, loneContext())) break;
  await server.until(() => server.requests[0]?.aborted === true);
});

test('a model without a key says so before anything is sent; a compatible server needs none', async () => {
  expect(await failure({ provider: 'openai', key: () => undefined })).toMatchObject({
    reason: 'PROVIDER_KEY_MISSING',
    retryable: false,
  });
  expect(server.requests).toEqual([]);
  server.reply = (response) => {
    events(response, [chunk({ content: 'ok' }), chunk({}, 'stop'), '[DONE]']);
    response.end();
  };
  expect((await collect({ key: () => undefined })).text).toBe('ok');
  expect(server.requests[0]?.headers.authorization).toBeUndefined();
});

test('OpenAI itself speaks the same format', async () => {
  server.reply = (response) => {
    events(response, [chunk({ role: 'assistant', content: 'Hi' }), chunk({}, 'length'), '[DONE]']);
    response.end();
  };
  const got = await collect({ provider: 'openai' });
  expect(got).toMatchObject({ text: 'Hi', finish: { reason: FinishReason.LENGTH, model: { provider: 'openai' } } });
  expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
});

const usage = { input_tokens: 20, output_tokens: 1, cache_read_input_tokens: 5, cache_creation_input_tokens: 0 };
const start = {
  type: 'message_start',
  message: {
    id: 'm1',
    type: 'message',
    role: 'assistant',
    model: 'c',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  },
};

test('Anthropic: text and a tool call in its own format', async () => {
  server.reply = (response) => {
    events(
      response,
      [
        start,
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
        { type: 'ping' },
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Let me ' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'look.' } },
        { type: 'content_block_stop', index: 0 },
        {
          type: 'content_block_start',
          index: 1,
          content_block: { type: 'tool_use', id: 't1', name: 'fs_read', input: {} },
        },
        { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"path":' } },
        { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '"b.md"}' } },
        { type: 'content_block_stop', index: 1 },
        {
          type: 'message_delta',
          delta: { stop_reason: 'tool_use', stop_sequence: null },
          usage: { output_tokens: 12 },
        },
        { type: 'message_stop' },
      ],
      true,
    );
    response.end();
  };
  const got = await collect({ provider: 'anthropic', name: 'claude' });
  expect(got.text).toBe('Let me look.');
  expect(got.calls).toMatchObject([{ id: 't1', name: 'fs_read', argumentsJson: '{"path":"b.md"}' }]);
  expect(got.finish?.reason).toBe(FinishReason.TOOL_CALLS);
  expect(got.finish?.usage).toMatchObject({ inputTokens: 25n, outputTokens: 12n, cachedInputTokens: 5n });
  const [sent] = server.requests;
  expect(sent?.path).toBe('/v1/messages');
  expect(sent?.headers['x-api-key']).toBe(KEY);
  expect(sent?.body.system[0].text).toBe('Be short.');
  expect(sent?.body.messages.map((m: { role: string }) => m.role)).toEqual(['user', 'assistant', 'user']);
  expect(sent?.body.messages[2].content[0]).toMatchObject({ type: 'tool_result', tool_use_id: 'a' });
  expect(sent?.body.tools[0]).toMatchObject({ name: 'fs_read', input_schema: { required: ['path'] } });
});

test('Anthropic: overloaded before or within the stream is retryable, a bad key and a long prompt are not', async () => {
  const anthropic = { provider: 'anthropic', name: 'claude' } as const;
  const body = (type: string, message = 'x') => ({ type: 'error', error: { type, message } });
  server.reply = fail(529, body('overloaded_error'));
  expect(await failure(anthropic)).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE', retryable: true });
  server.reply = (response) => {
    events(response, [start, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }], true);
    response.end();
  };
  expect(await failure(anthropic)).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE', retryable: true });
  server.reply = fail(401, body('authentication_error', 'invalid x-api-key'));
  expect(await failure(anthropic)).toMatchObject({ reason: 'PROVIDER_KEY_MISSING', retryable: false });
  server.reply = fail(400, body('invalid_request_error', 'prompt is too long: 250000 tokens > 200000 maximum'));
  expect(await failure(anthropic)).toMatchObject({ reason: 'CONTEXT_TOO_LONG', retryable: false });
  server.reply = fail(429, body('rate_limit_error'), { 'retry-after': '3' });
  expect(await failure(anthropic)).toMatchObject({
    reason: 'PROVIDER_RATE_LIMITED',
    metadata: { retryAfterMs: '3000' },
  });
});
