// Servers as they are in the wild, each dialect in each mood, on real sockets: a whole answer is told once, half of one never as whole,
// and thoughts stay out of it. Every request is paid for, so there is one.
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChatRequestSchema, FinishReason, Role } from '../../../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { chunk, events, FakeProvider, type Reply } from '../../../../../../test/support/fake-provider.ts';
import { systemClock } from '../../../../../base/clock.ts';
import { AppError } from '../../../../../base/errors.ts';
import { Secret } from '../../../../../base/secret.ts';
import { loneContext } from '../../../../kit/lone-context.ts';
import { providerDriver } from '../provider-driver.ts';

let server: FakeProvider;
let url: string;
beforeEach(async () => {
  server = new FakeProvider();
  url = await server.listen();
});
afterEach(() => server.close());

const KEY = 'sk-a-very-secret-key-0123456789';

async function chat(reply: Reply, { tools = true, model = 'm' } = {}) {
  server.reply = reply;
  const key = () => new Secret(KEY);
  const settings = { name: 'house', provider: 'openai-compatible', model, baseUrl: url, key } as const;
  const driver = providerDriver(settings, systemClock);
  const request = create(ChatRequestSchema, {
    messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value: 'Hello '.repeat(40) } }] }],
    tools: tools ? [{ name: 'fs_read', description: 'Reads.', parametersJson: '{"type":"object"}' }] : [],
  });
  const got = { text: '', thought: '', calls: [] as { id: string; name: string; argumentsJson: string }[] };
  for await (const { event } of driver.chat(request, loneContext())) {
    if (event.case === 'text') got.text += event.value.text;
    if (event.case === 'reasoning') got.thought += event.value.text;
    if (event.case === 'toolCall') got.calls.push(event.value);
    if (event.case === 'finish') return { ...got, finish: event.value };
  }
  throw new Error('it had no finish');
}

const stream =
  (...items: readonly unknown[]): Reply =>
  (response) => {
    events(response, items);
    response.end();
  };
const choice = (more: object) => ({ ...chunk({}), choices: [{ index: 0, ...more }] });
const USAGE = { prompt_tokens: 7, completion_tokens: 3 };
const body =
  (status: number, value: unknown): Reply =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
const raw =
  (text: string, type = 'text/event-stream'): Reply =>
  (response) => {
    response.writeHead(200, { 'content-type': type }).end(text);
  };

describe('a whole answer is told, once', () => {
  const said = chunk({ content: 'well' });
  const { choices: _, ...bare } = chunk({});
  test.each<[string, Reply]>([
    ['usage without choices after the stop', stream(said, chunk({}, 'stop'), { ...bare, usage: USAGE }, '[DONE]')],
    [
      'usage as text',
      stream(said, chunk({}, 'stop'), {
        ...chunk({}),
        choices: [],
        usage: { prompt_tokens: '7', completion_tokens: '3' },
      }),
    ],
    ['no finish reason, and [DONE]', stream(said, '[DONE]')],
    ['a finish reason of its own', stream(said, chunk({}, 'eos_token'))],
    ['a finish reason in capitals', stream(said, chunk({}, 'STOP'))],
    ['an error after the stop', stream(said, chunk({}, 'stop'), { error: { message: 'too late' } })],
    [
      'words and empty objects that keep it alive',
      stream('', 'ping', {}, said, 'keep-alive', null, [], chunk({}, 'stop')),
    ],
    [
      'comments and other fields',
      raw(
        `: wait\n\nevent: x\nid: 7\ndata: ${JSON.stringify(said)}\n\nretry: 5\n\ndata:${JSON.stringify(chunk({}, 'stop'))}\r\n\r\n`,
      ),
    ],
    ['a numeric id', stream({ ...said, id: 7, created: 'now' }, { ...chunk({}, 'stop'), id: 7 })],
    ['another choice beside it', stream(said, choice({ index: 1, delta: { content: 'not me' } }), chunk({}, 'stop'))],
    ['all of it once more at the end', stream(said, choice({ message: { content: 'well' }, finish_reason: 'stop' }))],
    [
      'content in parts',
      stream(
        chunk({
          content: [
            { type: 'text', text: 'we' },
            { type: 'text', text: 'll' },
          ],
        }),
        chunk({}, 'stop'),
      ),
    ],
    [
      'no stream, as JSON',
      body(200, {
        choices: [{ message: { role: 'assistant', content: 'well' }, finish_reason: 'stop' }],
        usage: USAGE,
      }),
    ],
    [
      'no stream, JSON of many lines',
      raw(
        JSON.stringify({ choices: [{ message: { content: 'well' }, finish_reason: 'stop' }] }, null, 2),
        'text/plain',
      ),
    ],
    ['lines of JSON', raw(`${JSON.stringify(said)}\n${JSON.stringify(chunk({}, 'stop'))}\n`, 'application/x-ndjson')],
    [
      'thoughts before it',
      stream(
        chunk({ content: '<think>hm' }),
        chunk({ content: ' hm</th' }),
        chunk({ content: 'ink>\n\nwell' }),
        chunk({}, 'stop'),
      ),
    ],
    [
      'thoughts that nothing opened',
      stream(chunk({ content: 'hm hm' }), chunk({ content: '\n</think>\n\nwell' }), chunk({}, 'stop')),
    ],
    ['thoughts in brackets', stream(chunk({ content: '[THINK]hm[/THINK]well' }), chunk({}, 'stop'))],
    ['thoughts in a field', stream(chunk({ reasoning_content: 'hm' }), said, chunk({}, 'stop'))],
    ['thoughts in another field', stream(chunk({ reasoning: 'hm' }), said, chunk({}, 'stop'))],
    [
      'channels',
      stream(
        chunk({ content: '<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>fi' }),
        chunk({ content: 'nal<|message|>well<|return|>' }),
        chunk({}, 'stop'),
      ),
    ],
  ])('%s', async (_name, reply) => {
    const { text, finish, thought } = await chat(reply);
    expect(text).toBe('well');
    expect(finish.reason).toBe(FinishReason.STOP);
    if (thought !== '') expect(thought).toContain('hm');
    expect(server.requests).toHaveLength(1);
  });

  test('the connection breaks after its end', async () => {
    const reply: Reply = (response) => {
      events(response, [said, chunk({}, 'stop')]);
      response.destroy();
    };
    // What was sent may be lost with the connection, but never half of it taken for all.
    await chat(reply).then(
      ({ text }) => expect(text).toBe('well'),
      (error: unknown) => expect(error).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE' }),
    );
  });

  test('nothing comes after its end, and the connection stays open', async () => {
    const { text } = await chat((response) => void events(response, [said, chunk({}, 'stop')]));
    expect(text).toBe('well');
  });
});

describe('half of an answer is never taken as a whole one', () => {
  const said = chunk({ content: 'hal' });
  test.each<[string, Reply]>([
    ['it ends', stream(said)],
    ['it aborts', stream(said, chunk({}, 'abort'), '[DONE]')],
    ['it fails', stream(said, chunk({}, 'error'), '[DONE]')],
    ['an error comes', stream(said, { error: { message: 'upstream exploded', code: 500 } })],
    ['an error comes as text', stream(said, { error: 'upstream exploded' })],
    ['JSON is cut', raw('{"choices":[{"message":{"content":"hal')],
    ['nothing was said', stream('[DONE]')],
  ])('%s', async (_name, reply) => {
    await expect(chat(reply)).rejects.toMatchObject({ reason: 'PROVIDER_UNAVAILABLE', retryable: true });
  });
});

describe('thoughts that never end are no answer', () => {
  test.each(['<think>', '<|channel|>analysis<|message|>'])('%s', async (open) => {
    const { text, thought } = await chat(stream(chunk({ content: `${open}hm hm` }), chunk({}, 'length')));
    expect({ text, thought }).toEqual({ text: '', thought: 'hm hm' });
  });

  test('a model that is known for it is held back until its thoughts are closed', async () => {
    const reply = stream(
      chunk({ content: 'hm '.repeat(9_000) }),
      chunk({ content: '</think>well' }),
      chunk({}, 'stop'),
    );
    expect((await chat(reply, { model: 'deepseek-r1:8b' })).text).toBe('well');
  });

  test('an answer about the marks keeps them', async () => {
    const words = 'Models write `<think>` and <tool_call>.';
    const { text } = await chat(stream(chunk({ content: words }), chunk({}, 'stop')), { tools: false });
    expect(text).toBe(words);
  });
});

describe('tool calls, however they are written', () => {
  const native = (call: object) => stream(chunk({ tool_calls: [call] }), chunk({}, 'stop'));
  const text = (...pieces: string[]) => stream(...pieces.map((content) => chunk({ content })), chunk({}, 'stop'));
  const called = { name: 'fs_read', arguments: { path: 'a' } };
  const json = JSON.stringify(called);
  test.each<[string, Reply]>([
    ['arguments as an object', native({ index: 0, id: 'a', type: 'function', function: called })],
    [
      'a numeric id, an index as text',
      native({ index: '0', id: 7, function: { ...called, arguments: '{"path":"a"}' } }),
    ],
    ['no id and no index', native({ function: { ...called, arguments: '{"path":"a"}' } })],
    [
      'the old form',
      stream(chunk({ function_call: { name: 'fs_read', arguments: '{"path":"a"}' } }), chunk({}, 'function_call')),
    ],
    ['in the text', text(`<tool_call>\n${json}\n</tool_call>`)],
    ['in the text, cut anywhere', text('<tool', '_call>', json.slice(0, 9), json.slice(9), '</tool_', 'call>')],
    ['in the text after thoughts', text('<think>hm</think>', `<tool_call>${json}</tool_call>`)],
    ['in a list', text(`[TOOL_CALLS][${json}]`)],
    ['with parameters', text(`<|python_tag|>${JSON.stringify({ name: 'fs_read', parameters: { path: 'a' } })}`)],
    ['in tags', text('<tool_call><function=fs_read><parameter=path>\na\n</parameter></function></tool_call>')],
    [
      'in a channel',
      text('<|channel|>commentary to=functions.fs_read <|constrain|>json<|message|>{"path":"a"}<|call|>'),
    ],
  ])('%s', async (_name, reply) => {
    const got = await chat(reply);
    expect(got.text).toBe('');
    expect(got.calls.map(({ name, argumentsJson }) => [name, JSON.parse(argumentsJson)])).toEqual([
      ['fs_read', { path: 'a' }],
    ]);
    expect(got.finish.reason).toBe(FinishReason.TOOL_CALLS);
  });

  test('two calls with one place stay two', async () => {
    const one = { index: 0, id: 'a', type: 'function', function: { name: 'fs_read', arguments: '{"path":"a"}' } };
    const got = await chat(stream(chunk({ tool_calls: [one, { ...one, id: 'b' }] }), chunk({}, 'tool_calls')));
    expect(got.calls.map(({ argumentsJson }) => argumentsJson)).toEqual(['{"path":"a"}', '{"path":"a"}']);
  });
});

describe('a conversation that is too long is not tried again', () => {
  test.each<[string, number, unknown]>([
    [
      'OpenAI',
      400,
      { error: { message: "This model's maximum context length is 8192 tokens.", code: 'context_length_exceeded' } },
    ],
    [
      'LM Studio',
      400,
      {
        error:
          'Trying to keep the first 5043 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.',
      },
    ],
    [
      'LM Studio, the other',
      500,
      { error: 'The number of tokens to keep from the initial prompt is greater than the context length' },
    ],
    ['Ollama', 500, { error: { message: 'input length exceeds maximum context length', type: 'api_error' } }],
    ['Ollama, the other', 400, { error: { message: 'prompt too long; exceeded max context length by 12 tokens' } }],
    [
      'vLLM',
      400,
      {
        object: 'error',
        message: "This model's maximum context length is 2048 tokens. However, you requested 3000 tokens",
        type: 'BadRequestError',
        code: 400,
      },
    ],
    [
      'vLLM, the other',
      400,
      { message: 'The decoder prompt (length 5000) is longer than the maximum model length of 4096.' },
    ],
    [
      'llama.cpp',
      400,
      {
        error: {
          code: 400,
          message: 'the request exceeds the available context size',
          type: 'exceed_context_size_error',
        },
      },
    ],
  ])('%s', async (_name, status, value) => {
    await expect(chat(body(status, value))).rejects.toMatchObject({ reason: 'CONTEXT_TOO_LONG', retryable: false });
  });

  test('within a stream', async () => {
    const error = { message: 'input length exceeds maximum context length', type: 'api_error' };
    await expect(chat(stream({ error }))).rejects.toMatchObject({ reason: 'CONTEXT_TOO_LONG', retryable: false });
  });
});

describe('the reason of a provider reaches the user', () => {
  const refusal = async (reply: Reply): Promise<AppError> => {
    const error: unknown = await chat(reply).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error instanceof AppError) return error;
    throw new Error('it was not refused');
  };

  test.each([400, 500])('a model without tools, HTTP %s', async (status) => {
    const error = await refusal(
      body(status, { error: { message: 'registry.ollama.ai/library/gemma:2b does not support tools' } }),
    );
    expect(error).toMatchObject({ reason: 'PROVIDER_REFUSED', retryable: false });
    expect(error.message).toContain('gemma:2b does not support tools');
  });

  test('a key in it is masked, and it is bounded', async () => {
    const message = `key ${KEY} of hf_abcdefghijklmnop is wrong\u001b[31m ${'very '.repeat(900)}`;
    const error = await refusal(body(400, { error: { message } }));
    expect(error.message).not.toContain(KEY);
    expect(error.message).not.toContain('hf_abc');
    expect(error.message).not.toContain('\u001b');
    expect(error.message).toContain('is wrong');
    expect(error.message.length).toBeLessThan(600);
  });

  test('an answer that is an error says so', async () => {
    const error = await refusal(body(200, { error: { message: 'model is loading', code: 503 } }));
    expect(error).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE', retryable: true });
    expect(error.message).toContain('model is loading');
  });
});

describe('usage is bounded, and estimated where it cannot be', () => {
  test.each<[unknown, bigint | undefined]>([
    [{ prompt_tokens: 1e20, completion_tokens: 3 }, 10n ** 12n],
    [{ prompt_tokens: '18446744073709551616', completion_tokens: 3 }, 10n ** 12n],
    [{ prompt_tokens: -5, completion_tokens: 3 }, undefined],
    [{ prompt_tokens: 'many', completion_tokens: null }, undefined],
    [{ prompt_tokens: 0, completion_tokens: 0 }, undefined],
    [{ prompt_tokens: Number.NaN }, undefined],
    [{ prompt_tokens: { deep: 1 } }, undefined],
    ['much', undefined],
    [undefined, undefined],
  ])('%j', async (usage, input) => {
    const { finish } = await chat(
      stream(chunk({ content: 'x'.repeat(400) }), { ...chunk({}, 'stop'), ...(usage === undefined ? {} : { usage }) }),
    );
    expect(finish.usage?.estimated).toBe(input === undefined);
    if (input === undefined) expect(finish.usage?.outputTokens).toBeGreaterThan(0n);
    else expect(finish.usage?.inputTokens).toBe(input);
  });
});
