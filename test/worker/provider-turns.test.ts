// What a provider answers never holds the process up that asked it: no turn of its event loop is longer than the limit, whatever the
// shape of an answer and however it is cut. The real drivers and the SDK, over real sockets.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type ChatRequest, ChatRequestSchema, Role } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { ONE_TURN } from '../../src/base/json-meter.ts';
import { Secret } from '../../src/base/secret.ts';
import { checkedDriver } from '../../src/worker/handlers/llm/checked-driver.ts';
import { llmHandler } from '../../src/worker/handlers/llm/llm-handler.ts';
import { providerDriver } from '../../src/worker/handlers/llm/providers/provider-driver.ts';
import type { ProviderSettings } from '../../src/worker/handlers/llm/providers/provider-settings.ts';
import { loneContext } from '../../src/worker/kit/lone-context.ts';
import { withTurnWatch } from '../support/turn-watch.ts';

vi.setConfig({ testTimeout: 120_000 });

interface Answer {
  readonly body: string;
  readonly status?: number;
  /** Bytes of one piece on the wire; default: all at once. */
  readonly cut?: number;
}

let answer: Answer = { body: '' };
let server: Server;
let url = '';

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      const { body, status = 200, cut } = answer;
      const bytes = Buffer.from(body);
      response.writeHead(status, { 'content-type': 'text/event-stream' });
      if (cut === undefined) return response.end(bytes);
      response.cork();
      for (let at = 0; at < bytes.length; at += cut) response.write(bytes.subarray(at, at + cut));
      response.uncork();
      return response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const REQUEST: ChatRequest = create(ChatRequestSchema, {
  messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value: 'Read notes.md' } }] }],
  tools: [{ name: 'fs_read', description: 'Reads a file.', parametersJson: '{"type":"object"}' }],
});

/** `one`, as often as an event has room for. */
const fill = (one: string, values = 0, most = ONE_TURN.letters - 2_000) =>
  one.repeat(Math.min(Math.floor(most / one.length), values > 0 ? Math.floor((ONE_TURN.values - 100) / values) : most));
const event = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
const said = (delta: unknown, finish: string | null = null) =>
  event({ id: 'c', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] });
const raw = (delta: string) => event(`{"choices":[{"index":0,"delta":${delta}}]}`);
const END = `${said({}, 'stop')}data: [DONE]\n\n`;
const ASKS = `${said({}, 'tool_calls')}data: [DONE]\n\n`;
const asked = (text: string) =>
  said({ tool_calls: [{ index: 0, id: 'a', function: { name: 'fs_read', arguments: text } }] });
const went = (text: string) => said({ tool_calls: [{ index: 0, function: { arguments: text } }] });
const bare = (text: string) => ({ body: text + END });

/** In the form of OpenAI, and of all servers that call themselves compatible. */
const COMPATIBLE: Readonly<Record<string, Answer>> = {
  'tiny events': bare(said({ content: 'a' }).repeat(2_000)),
  'tiny events of no use': bare('data:1\n\n'.repeat(30_000)),
  'one byte a piece': { body: said({ content: 'a'.repeat(2_000) }) + END, cut: 1 },
  comments: bare(':\n\n'.repeat(100_000)),
  'empty lines': bare('\n'.repeat(300_000)),
  returns: bare('\r'.repeat(300_000)),
  'lines of one event': bare(`${fill('data:\n')}\n`),
  'one long text': bare(said({ content: fill('a') })),
  'a text beyond the limit': bare(said({ content: 'a'.repeat(10 << 20) })),
  escapes: bare(raw(`{"content":"${fill('\\u0041')}"}`)),
  'halves of pairs': bare(raw(`{"content":"${fill('\\ud83d')}"}`)),
  'lists in lists': bare(raw(`{"content":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`)),
  'a list of lists': bare(event(`{"choices":[${fill('[],', 2)}1]}`)),
  'a list beyond the limit': bare(event(`{"choices":[${fill('[],')}1]}`)),
  choices: bare(event(`{"choices":[${fill('{"index":1},', 3)}{"index":0,"delta":{"content":"a"}}]}`)),
  'calls without a name': bare(raw(`{"tool_calls":[${fill('{"function":{"arguments":"a"}},', 5)}{}]}`)),
  'many calls': bare(raw(`{"tool_calls":[${fill('{"function":{"name":"fs_read","arguments":"{}"}},', 7)}{}]}`)),
  'parts of a text': bare(raw(`{"content":[${fill('{"type":"text","text":"a"},', 6)}"a"]}`)),
  'a key again and again': bare(event(`{${fill('"a":1,', 2)}"choices":[]}`)),
  'many keys': bare(event(`{${Array.from({ length: 9_000 }, (_, at) => `"k${at}":1,`).join('')}"choices":[]}`)),
  'beginnings of thoughts': bare(said({ content: fill('<think') })),
  'thoughts without an end': bare(said({ content: fill('<think>') })),
  'many thoughts': bare(said({ content: fill('<think>a</think>') })),
  'calls in the text': bare(said({ content: fill('<tool_call>{"name":"fs_read","arguments":{}}</tool_call>') })),
  'a call of lists in the text': bare(
    said({ content: `<tool_call>{"name":"fs_read","arguments":[${fill('[],', 0, 1_000_000)}1]}</tool_call>` }),
  ),
  channels: bare(said({ content: fill('<|start|>assistant<|channel|>analysis<|message|>a<|end|>') })),
  blanks: bare(said({ content: fill(' ') })),
  'line ends': bare(said({ content: fill('\n', 0, 1_000_000) })),
  'marks of combination': bare(said({ content: fill('\u0301') })),
  'joined signs': bare(said({ content: fill('👩‍👩‍👧‍👦') })),
  'arguments in pieces': { body: `${asked('{"path":"')}${went('aaaaaaaaaa').repeat(2_000)}${went('"}')}${ASKS}` },
  'arguments of 1 MiB': { body: asked(`{"path":"${'a'.repeat((512 << 10) - 100)}"}`) + ASKS },
  'arguments within escapes': { body: asked(`{"path":"${'\\\\\\"'.repeat(130_000)}"}`) + ASKS },
  'arguments of lists': { body: asked(`{"path":[${fill('[],', 2)}1]}`) + ASKS },
  'arguments as an object': {
    body: raw(`{"tool_calls":[{"function":{"name":"fs_read","arguments":{"path":[${fill('[],', 2)}1]}}}]}`) + ASKS,
  },
  'arguments in lists': { body: asked('['.repeat(1_000_000)) + ASKS },
  'probabilities of tokens': bare(
    event(
      `{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[${fill('{"token":"a","logprob":-1,"top_logprobs":[]},', 8)}{"token":"a","logprob":-1,"top_logprobs":[]}]}}]}`,
    ),
  ),
  'JSON instead of events': { body: `{"choices":[{"message":{"content":"${fill('a ')}"},"finish_reason":"stop"}]}` },
  'JSON of lists': { body: `{"choices":[${fill('[],', 2)}1]}` },
  'lines of JSON': { body: fill('{"a":1}\n') },
  'a long refusal': { body: `{"error":{"message":"${'too bad '.repeat(1_000_000)}"}}`, status: 400 },
  'a refusal of lists': { body: `{"error":[${'[],'.repeat(3_000_000)}1]}`, status: 400 },
  'a refusal in lists': { body: `{"error":${'['.repeat(8_000_000)}`, status: 500 },
  'an error among events': bare(event(`{"error":{"message":"${fill('too bad ')}"}}`)),
};

const named = (value: { readonly type: string }) => `event: ${value.type}\n${event(value)}`;
const START = named({
  type: 'message_start',
  message: {
    id: 'm',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [],
    usage: { input_tokens: 1, output_tokens: 1 },
  },
} as never);
const block = (at: number, content: unknown) =>
  named({ type: 'content_block_start', index: at, content_block: content } as never);
const TEXT = block(0, { type: 'text', text: '' });
const tool = (at: number) => block(at, { type: 'tool_use', id: `t${at}`, name: 'fs_read', input: {} });
const words = (text: string) =>
  named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } } as never);
const piece = (text: string) =>
  named({ type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: text } } as never);
const stop = (at: number) => named({ type: 'content_block_stop', index: at } as never);
const LAST = `${stop(0)}${named({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } } as never)}${named({ type: 'message_stop' })}`;
const many = (count: number, one: (at: number) => string) => Array.from({ length: count }, (_, at) => one(at)).join('');
const spoken = (text: string): Answer => ({ body: START + TEXT + text + LAST });

const ANTHROPIC: Readonly<Record<string, Answer>> = {
  'tiny events': spoken(words('a').repeat(1_500)),
  'one byte a piece': { ...spoken(words('a'.repeat(2_000))), cut: 1 },
  pings: spoken(named({ type: 'ping' }).repeat(3_000)),
  comments: spoken(':\n\n'.repeat(100_000)),
  'empty lines': spoken('\n'.repeat(300_000)),
  'lines of one event': spoken(`${fill('data: a\n')}\n`),
  'one long text': spoken(words(fill('a'))),
  'a text beyond the limit': spoken(words('a'.repeat(10 << 20))),
  'a list of lists': spoken(event(`{"type":"content_block_delta","x":[${fill('[],', 2)}1]}`)),
  'a list beyond the limit': spoken(event(`{"type":"content_block_delta","x":[${'[],'.repeat(3_000_000)}1]}`)),
  'a key again and again': spoken(event(`{"type":"content_block_delta",${fill('"a":1,', 2)}"b":1}`)),
  'many keys': spoken(event(`{"type":"content_block_delta",${many(9_000, (at) => `"k${at}":1,`)}"b":1}`)),
  'arguments in pieces': {
    body: `${START}${tool(0)}${piece('{"path":"')}${piece('aaaaaaaaaa').repeat(1_500)}${piece('"}')}${LAST}`,
  },
  'arguments of 1 MiB': { body: `${START}${tool(0)}${piece(`{"path":"${'a'.repeat((512 << 10) - 100)}"}`)}${LAST}` },
  'arguments within escapes': { body: `${START}${tool(0)}${piece(`{"path":"${'\\\\\\"'.repeat(130_000)}"}`)}${LAST}` },
  'arguments of lists': { body: `${START}${tool(0)}${piece(`{"path":[${fill('[],', 2)}1]}`)}${LAST}` },
  'arguments in lists': { body: `${START}${tool(0)}${piece('['.repeat(1_000_000))}${LAST}` },
  blocks: spoken(many(1_000, (at) => block(at, { type: 'text', text: 'a' }))),
  'many calls': spoken(many(400, (at) => tool(at) + stop(at))),
  'one event without an end': spoken(`data: ${'a'.repeat(10 << 20)}`),
  'a long refusal': {
    body: `{"type":"error","error":{"type":"x","message":"${'too bad '.repeat(1_000_000)}"}}`,
    status: 400,
  },
  'a refusal of lists': {
    body: `{"error":{"type":"x","message":"x","more":[${'[],'.repeat(3_000_000)}1]}}`,
    status: 400,
  },
  JSON: { body: `{"type":"message","content":[${'[],'.repeat(3_000_000)}1]}` },
};

async function ask(provider: ProviderSettings['provider']): Promise<number> {
  const settings = { name: 'house', provider, model: 'm', baseUrl: url, key: () => new Secret('sk-secret') };
  const driver = checkedDriver(providerDriver(settings, systemClock), { binds: false });
  const { methods } = llmHandler({ defaultModel: 'm', drivers: new Map([['m', driver]]), close: async () => {} });
  const responses = methods.Chat!(REQUEST, loneContext({ signal: new AbortController().signal }));
  let count = 0;
  for await (const _ of responses as AsyncIterable<unknown>) count += 1;
  return count;
}

/** What is read by the SDK's own code for OpenAI; the rest has gone through the same of ours. */
const OPENAI = Object.fromEntries(
  Object.entries(COMPATIBLE).filter(([name]) =>
    /^(?:arguments|many|one long|JSON|probabilities|a .*refusal)/.test(name),
  ),
);

test.each([
  ['openai-compatible', COMPATIBLE],
  ['openai', OPENAI],
  ['anthropic', ANTHROPIC],
] as const)('%s: whatever it answers', async (provider, corpus) => {
  answer = provider === 'anthropic' ? spoken(words('hello')) : bare(said({ content: 'hello' }));
  expect(await ask(provider)).toBeGreaterThan(1);
  await withTurnWatch(
    Object.keys(corpus),
    async (name) => {
      answer = corpus[name]!;
      await ask(provider).catch(() => {});
    },
    { name: (name) => `${provider}: ${name}` },
  );
});
