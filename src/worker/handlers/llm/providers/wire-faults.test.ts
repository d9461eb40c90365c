// What servers that call themselves OpenAI-compatible do beside the schema: each fault on real sockets, byte by byte.
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  ChatRequestSchema,
  ConfidenceOrigin,
  FinishReason,
  Role,
} from '../../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { chunk, events, FakeProvider, type Reply } from '../../../../../test/support/fake-provider.ts';
import { systemClock } from '../../../../base/clock.ts';
import { Secret } from '../../../../base/secret.ts';
import { loneContext } from '../../../kit/lone-context.ts';
import { boundedFetch } from '../../../kit/providers/bounded-fetch.ts';
import { providerDriver } from './provider-driver.ts';

let server: FakeProvider;
let url: string;
beforeEach(async () => {
  server = new FakeProvider();
  url = await server.listen();
});
afterEach(() => server.close());

async function chat(reply: Reply) {
  server.reply = reply;
  const driver = providerDriver(
    { name: 'house', provider: 'openai-compatible', model: 'm', baseUrl: url },
    systemClock,
  );
  const request = create(ChatRequestSchema, {
    messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value: 'Hello' } }] }],
  });
  let text = '';
  for await (const { event } of driver.chat(request, loneContext())) {
    if (event.case === 'text') text += event.value.text;
    if (event.case === 'finish') return { text, finish: event.value };
  }
  throw new Error('it had no finish');
}

const stream =
  (...items: readonly unknown[]): Reply =>
  (response) => {
    events(response, items);
    response.end();
  };

const USAGE = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };

test('usage comes in a last chunk without choices', async () => {
  const last = { ...chunk({}), choices: [], usage: USAGE };
  const { text, finish } = await chat(stream(chunk({ content: 'Hi' }), chunk({}, 'stop'), last, '[DONE]'));
  expect(text).toBe('Hi');
  expect(finish).toMatchObject({ reason: FinishReason.STOP, usage: { inputTokens: 7n, outputTokens: 3n } });
});

test('chunks without choices, unknown fields, comments and a missing [DONE] do no harm', async () => {
  const odd = { ...chunk({ content: ' there', mood: 'fine' }), x_server: { deep: [1] }, service_tier: null };
  const reply: Reply = (response) => {
    events(response, [{ ...chunk({}), choices: [] }, chunk({ role: 'assistant', content: 'Hi' })]);
    response.write(': still here\n\n');
    events(response, [odd, chunk({}, 'stop', USAGE)]);
    response.end();
  };
  expect(await chat(reply)).toMatchObject({ text: 'Hi there', finish: { usage: { outputTokens: 3n } } });
});

test('chunks may be cut anywhere, also within a character', async () => {
  const bytes = Buffer.from(
    [chunk({ content: '绳结😀' }), chunk({}, 'stop', USAGE)]
      .map((item) => `data: ${JSON.stringify(item)}\n\n`)
      .join(''),
  );
  const reply: Reply = async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const byte of bytes) await new Promise((resolve) => response.write(Buffer.from([byte]), resolve));
    response.end('data: [DONE]\n\n');
  };
  expect((await chat(reply)).text).toBe('绳结😀');
});

test.each<[string, readonly unknown[]]>([
  ['a chunk that is no JSON', [chunk({ content: 'Hi' }), '{"choices":[{']],
  ['a chunk of another shape', [chunk({ content: 'Hi' }), { choices: 'none' }]],
  ['an error within the stream', [chunk({ content: 'Hi' }), { error: { message: 'no', type: 'server_error' } }]],
  ['no chunk at all', []],
])('%s is a failure that may be tried again', async (_, items) => {
  await expect(chat(stream(...items))).rejects.toMatchObject({ reason: 'PROVIDER_UNAVAILABLE', retryable: true });
});

test('a redirect is refused: words and key are for the address in models.yaml alone', async () => {
  const reply: Reply = (response) => {
    response.writeHead(307, { location: `${url}/elsewhere` }).end();
  };
  await expect(chat(reply)).rejects.toMatchObject({ reason: 'PROVIDER_REFUSED', retryable: false });
  expect(server.requests).toHaveLength(1);
});

test('an endless answer is cut off at its limit', async () => {
  server.reply = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const more = () => {
      if (!response.destroyed) response.write(`: ${'.'.repeat(65_536)}\n\n`, more);
    };
    more();
  };
  const answer = await boundedFetch(1_000_000, 'house')(url, { method: 'POST', body: '{}' });
  await expect(answer.text()).rejects.toMatchObject({ reason: 'PROVIDER_UNAVAILABLE' });
  await server.until(() => server.requests[0]?.aborted === true);
});

test('what was read and written is paid for also when the answer is cut, or nobody wants it any more', async () => {
  const reported: bigint[] = [];
  const settings = {
    name: 'house',
    provider: 'openai-compatible',
    model: 'm',
    baseUrl: url,
    price: { input: 1, output: 10 },
  } as const;
  const request = create(ChatRequestSchema, {
    messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value: 'word '.repeat(80) } }] }],
  });
  const context = {
    ...loneContext(),
    report: ({
      inputTokens = 0n,
      outputTokens = 0n,
      costMicros = 0n,
    }: {
      inputTokens?: bigint;
      outputTokens?: bigint;
      costMicros?: bigint;
    }) => {
      expect(costMicros).toBe(inputTokens + outputTokens * 10n);
      reported.push(outputTokens);
    },
  };
  const chatOnce = async (leave: boolean) => {
    for await (const _ of providerDriver(settings, systemClock).chat(request, context)) if (leave) break;
  };
  server.reply = stream(chunk({ content: 'eight by' }));
  await expect(chatOnce(false)).rejects.toMatchObject({ reason: 'PROVIDER_UNAVAILABLE' });
  server.reply = (response) => events(response, [chunk({ content: 'eight by' })]);
  await chatOnce(true);
  expect(reported).toEqual([2n, 2n]);
  server.reply = stream(chunk({ reasoning_content: 'sixteen letters.' }));
  await expect(chatOnce(false)).rejects.toMatchObject({ reason: 'PROVIDER_UNAVAILABLE' });
  expect(reported.splice(2)).toEqual([4n]);
  server.reply = stream(chunk({ content: 'Hi' }), chunk({}, 'stop', USAGE), '[DONE]');
  await chatOnce(false);
  // The finish tells it.
  expect(reported).toHaveLength(2);
});

test('where the provider tells the probabilities of its tokens, they are the confidence, and it says so', async () => {
  const ask = async (model: string) => {
    const settings = {
      name: 'openai',
      provider: 'openai',
      model,
      baseUrl: url,
      key: () => new Secret('sk-1'),
    } as const;
    const request = create(ChatRequestSchema, {
      messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value: 'Hello' } }] }],
    });
    for await (const { event } of providerDriver(settings, systemClock).chat(request, loneContext()))
      if (event.case === 'finish') return event.value.confidence;
    throw new Error('it had no finish');
  };
  const told = (content: string, logprob: number) => {
    const one = chunk({ content });
    const logprobs = { content: [{ token: content, logprob, bytes: null, top_logprobs: [] }] };
    return { ...one, choices: one.choices.map((choice) => ({ ...choice, logprobs })) };
  };
  server.reply = stream(told('Hi', Math.log(0.9)), told('!', Math.log(0.4)), chunk({}, 'stop', USAGE), '[DONE]');
  expect(await ask('gpt-4o')).toMatchObject({ origin: ConfidenceOrigin.LOGPROBS, value: expect.closeTo(0.6, 5) });
  expect(server.requests[0]?.body).toMatchObject({ logprobs: true });
  // One that reasons refuses to be asked.
  server.reply = stream(chunk({ content: 'Hi' }), chunk({}, 'stop', USAGE), '[DONE]');
  expect(await ask('o3-mini')).toBeUndefined();
  expect(server.requests[1]?.body.logprobs).toBeUndefined();
});
