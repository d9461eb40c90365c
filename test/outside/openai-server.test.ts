// The provider driver against an OpenAI-compatible server that nobody here wrote: @copilotkit/aimock, whose answers its makers
// compare with the real service's. Real sockets, through the AI SDK.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type FixtureOpts, LLMock } from '@copilotkit/aimock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  ChatRequestSchema,
  type ChatResponse,
  FinishReason,
  Role,
} from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { AppError } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import { checkedDriver } from '../../src/worker/handlers/llm/checked-driver.ts';
import { providerDriver } from '../../src/worker/handlers/llm/providers/provider-driver.ts';
import { loneContext } from '../../src/worker/kit/lone-context.ts';

let server: LLMock;
beforeEach(async () => {
  server = new LLMock({ port: 0, host: '127.0.0.1', logLevel: 'silent' });
  await server.start();
});
afterEach(() => server.stop());

const text = (value: string) => [{ part: { case: 'text' as const, value } }];
const user = (value: string) => ({ role: Role.USER, parts: text(value) });
const TOOLS = ['fs_read', 'fs_list'].map((name) => ({
  name,
  description: 'A tool.',
  parametersJson: '{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}',
}));

async function chat(
  request: MessageInitShape<typeof ChatRequestSchema>,
  { signal = new AbortController().signal, seen = (_: ChatResponse) => {} } = {},
) {
  const driver = providerDriver(
    {
      name: 'outside',
      provider: 'openai-compatible',
      model: 'gpt-4o',
      baseUrl: `${server.url}/v1`,
      price: { input: 1, output: 10 },
    },
    systemClock,
  );
  const said: ChatResponse[] = [];
  for await (const response of driver.chat(create(ChatRequestSchema, request), loneContext({ signal }))) {
    said.push(response);
    seen(response);
  }
  return {
    pieces: said.flatMap(({ event }) => (event.case === 'text' ? [event.value.text] : [])),
    calls: said.flatMap(({ event }) => (event.case === 'toolCall' ? [event.value] : [])),
    finish: said.flatMap(({ event }) => (event.case === 'finish' ? [event.value] : [])).at(-1),
  };
}

test('text streams in pieces, and its usage is counted and paid for', async () => {
  const content = 'The launch is on 12 March 2027. 发布日期定了。';
  server.onMessage('launch', { content, usage: { prompt_tokens: 100, completion_tokens: 20 } }, { chunkSize: 5 });
  const { pieces, finish } = await chat({ messages: [user('When is the launch?')] });
  expect(pieces.length).toBeGreaterThan(4);
  expect(pieces.join('')).toBe(content);
  expect(finish).toMatchObject({ reason: FinishReason.STOP, usage: { inputTokens: 100n, outputTokens: 20n } });
  expect(finish?.usage?.costMicros).toBe(300n);
});

test('parallel tool calls come whole, and their results find the next answer', async () => {
  const call = (name: string, path: string) => ({ name, arguments: JSON.stringify({ path }) });
  server.onMessage('both', { toolCalls: [call('fs_read', 'a.md'), call('fs_list', 'd')] }, { chunkSize: 3 });
  const first = await chat({ messages: [user('Read both')], tools: TOOLS });
  expect(first.calls.map(({ name, argumentsJson }) => [name, JSON.parse(argumentsJson)])).toEqual([
    ['fs_read', { path: 'a.md' }],
    ['fs_list', { path: 'd' }],
  ]);
  expect(new Set(first.calls.map(({ id }) => id)).size).toBe(2);
  expect(first.finish?.reason).toBe(FinishReason.TOOL_CALLS);

  server.prependFixture({ match: { toolCallId: first.calls[1]!.id }, response: { content: 'Both are read.' } });
  const second = await chat({
    messages: [
      user('Read both'),
      { role: Role.ASSISTANT, toolCalls: first.calls },
      ...first.calls.map(({ id, name }) => ({ role: Role.TOOL, parts: text('{}'), toolCallId: id, toolName: name })),
    ],
    tools: TOOLS,
  });
  expect(second.pieces.join('')).toBe('Both are read.');
});

test('OpenAI itself is bound to a schema by its own means, and the answer is checked', async () => {
  server.onMessage('city', { content: '{"city":"Oslo"}' });
  const schema = {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  };
  const settings = { name: 'openai', provider: 'openai', model: 'gpt-4o', baseUrl: `${server.url}/v1` } as const;
  const driver = checkedDriver(providerDriver({ ...settings, key: () => new Secret('sk-1') }, systemClock), {
    binds: true,
  });
  const ask = async (outputSchemaJson: string) => {
    let said = '';
    const request = create(ChatRequestSchema, { messages: [user('Which city?')], outputSchemaJson });
    for await (const { event } of driver.chat(request, loneContext()))
      if (event.case === 'text') said += event.value.text;
    return said;
  };
  expect(JSON.parse(await ask(JSON.stringify(schema)))).toEqual({ city: 'Oslo' });
  const { response_format: format } = server.getRequests()[0]!.body as { response_format?: unknown };
  expect(format).toMatchObject({ type: 'json_schema', json_schema: { schema } });
  const other = { ...schema, properties: { city: { type: 'integer' } } };
  await expect(ask(JSON.stringify(other))).rejects.toMatchObject({ reason: 'MODEL_OUTPUT_INVALID', retryable: true });
});

test.each([
  [429, { reason: 'PROVIDER_RATE_LIMITED', retryable: true }],
  [500, { reason: 'PROVIDER_UNAVAILABLE', retryable: true }],
  [503, { reason: 'PROVIDER_UNAVAILABLE', retryable: true }],
  [400, { reason: 'PROVIDER_REFUSED', retryable: false }],
  [401, { reason: 'PROVIDER_KEY_MISSING', retryable: false }],
])('HTTP %i is told as what it means, after one try', async (status, expected) => {
  server.onMessage('fail', { error: { message: 'no', type: 'some_error' }, status, retryAfter: 7 });
  const error = await chat({ messages: [user('fail')] }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject(expected);
  if (status === 429) expect((error as AppError).metadata.retryAfterMs).toBe('7000');
  expect(server.getRequests()).toHaveLength(1);
});

test.each<[string, FixtureOpts]>([
  ['a stream that is cut', { truncateAfterChunks: 3, chunkSize: 3 }],
  ['a connection that is dropped', { chaos: { disconnectRate: 1 } }],
  ['an answer that is no JSON', { chaos: { malformedRate: 1 } }],
  ['a server that drops the request', { chaos: { dropRate: 1 } }],
])('%s is retryable', async (_, options) => {
  server.onMessage('cut', { content: 'A long answer that never comes to its end.' }, options);
  await expect(chat({ messages: [user('cut')] })).rejects.toMatchObject({
    reason: 'PROVIDER_UNAVAILABLE',
    retryable: true,
  });
});

test('a slow first byte is waited for, and a cancel in mid-answer ends the request', async () => {
  server.onMessage('slow', { content: 'word '.repeat(400) }, { latency: 30, chunkSize: 5 });
  const abort = new AbortController();
  const reason = new AppError('CANCELED');
  let pieces = 0;
  const work = chat(
    { messages: [user('slow')] },
    {
      signal: abort.signal,
      seen: () => {
        pieces += 1;
        if (pieces === 2) abort.abort(reason);
      },
    },
  );
  await expect(work).rejects.toBe(reason);
  expect(pieces).toBe(2);
});
