// The GGUF driver with a real file and the real library, in its process. The file has random weights, so nothing is said of what
// it answers.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Purpose } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import {
  ChatRequestSchema,
  type ChatResponse,
  type Finish,
  FinishReason,
  Role,
} from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { ggufEmbedder } from '../../src/worker/handlers/embed/gguf/gguf-embedder.ts';
import { llamaEmbedding } from '../../src/worker/handlers/embed/gguf/llama-embedding.ts';
import { fittingDriver } from '../../src/worker/handlers/llm/fitting-driver.ts';
import { ggufDriver, ggufSpace } from '../../src/worker/handlers/llm/gguf/gguf-driver.ts';
import { loneContext } from '../../src/worker/kit/lone-context.ts';
import { Llama } from '../../src/worker/llama/llama.ts';
import { GGUF, LLAMA_FOLDER, llamaProblem } from '../support/llama.ts';

const problem = llamaProblem();
const llamaTest = problem === '' ? test : test.skip;
if (problem !== '') console.warn(`skipped: ${problem}`);

const text = (value: string) => [{ part: { case: 'text' as const, value } }];
const HELLO: MessageInitShape<typeof ChatRequestSchema> = {
  messages: [
    { role: Role.SYSTEM, parts: text('You are Bowline.') },
    { role: Role.USER, parts: text('Hello there') },
  ],
};

let llama: Llama;
const driver = (contextTokens = 512, path = GGUF) =>
  ggufDriver({ name: 'tiny', model: 'tiny.gguf', file: { path, contextTokens } }, llama);
beforeAll(() => {
  llama = new Llama(LLAMA_FOLDER);
});
afterAll(() => llama.close());

async function all(
  request: MessageInitShape<typeof ChatRequestSchema>,
  { signal = new AbortController().signal, from = driver(), seen = (_: ChatResponse) => {} } = {},
) {
  const responses: ChatResponse[] = [];
  for await (const response of from.chat(create(ChatRequestSchema, request), loneContext({ signal }))) {
    responses.push(response);
    seen(response);
  }
  const finish = responses.flatMap(({ event }) => (event.case === 'finish' ? [event.value] : [])).at(-1) as Finish;
  const pieces = responses.flatMap(({ event }) => (event.case === 'text' ? [event.value.text] : []));
  return { responses, finish, pieces };
}

llamaTest('tokens stream, the limit ends them, and what was read and written is counted', async () => {
  const { finish, pieces } = await all({ ...HELLO, maxOutputTokens: 20 });
  expect(pieces.length).toBeGreaterThan(5);
  expect(finish.reason).toBe(FinishReason.LENGTH);
  expect(finish.usage?.outputTokens).toBe(20n);
  expect(finish.usage?.inputTokens).toBeGreaterThan(5n);
  expect(finish.model?.local).toBe(true);
});

llamaTest(
  'the same question without randomness has the same answer, and an answer before it changes nothing',
  async () => {
    const first = await all({ ...HELLO, maxOutputTokens: 12 });
    await all({ messages: [{ role: Role.USER, parts: text('Something else') }], maxOutputTokens: 12 });
    const again = await all({ ...HELLO, maxOutputTokens: 12 });
    expect(again.pieces.join('')).toBe(first.pieces.join(''));
    expect(again.finish.usage).toEqual(first.finish.usage);
  },
);

llamaTest('a cancel ends it in mid-answer within a token, and the model is free for the next at once', async () => {
  const abort = new AbortController();
  const reason = new AppError('CANCELED');
  let pieces = 0;
  const work = all(
    { ...HELLO, maxOutputTokens: 400 },
    {
      signal: abort.signal,
      seen: () => {
        pieces += 1;
        if (pieces === 3) abort.abort(reason);
      },
    },
  );
  await expect(work).rejects.toBe(reason);
  expect(pieces).toBe(3);
  // It waits for its turn: had the first one gone on, its 400 tokens would be counted in no time that a turn takes.
  expect((await all({ ...HELLO, maxOutputTokens: 2 })).finish.usage?.outputTokens).toBe(2n);
});

llamaTest(
  'what a cancelled answer has read and written is estimated and paid for; a whole one is counted',
  async () => {
    const file = { path: GGUF, contextTokens: 512, gpu: false };
    const from = ggufDriver({ name: 'tiny', model: 'tiny.gguf', file, price: { input: 1, output: 10 } }, llama);
    const reported: { inputTokens?: bigint; outputTokens?: bigint; costMicros?: bigint }[] = [];
    const context = loneContext({ report: (usage) => void reported.push(usage) });
    let pieces = 0;
    const request = create(ChatRequestSchema, { ...HELLO, maxOutputTokens: 400 });
    for await (const _ of from.chat(request, context)) if (++pieces === 3) break;
    const { inputTokens = 0n, outputTokens = 0n, costMicros } = reported[0]!;
    expect(inputTokens).toBeGreaterThan(0n);
    expect(outputTokens).toBeGreaterThanOrEqual(3n);
    expect(costMicros).toBe(inputTokens + outputTokens * 10n);
    const { finish } = await all({ ...HELLO, maxOutputTokens: 5 }, { from });
    expect(finish.usage?.costMicros).toBe(finish.usage!.inputTokens + 50n);
  },
);

llamaTest('jobs take turns; one that is cancelled while it waits ends at once', async () => {
  const abort = new AbortController();
  const first = all({ ...HELLO, maxOutputTokens: 60 });
  const second = all({ ...HELLO, maxOutputTokens: 60 }, { signal: abort.signal });
  abort.abort(new AppError('CANCELED'));
  await expect(second).rejects.toMatchObject({ reason: 'CANCELED' });
  expect((await first).finish.usage?.outputTokens).toBe(60n);
});

llamaTest('an answer is bound to a schema by grammar', async () => {
  const schema = { type: 'object', properties: { city: { enum: ['Rome', 'Oslo'] }, sure: { type: 'boolean' } } };
  const { pieces } = await all({ ...HELLO, maxOutputTokens: 200, outputSchemaJson: JSON.stringify(schema) });
  expect(JSON.parse(pieces.join(''))).toMatchObject({ city: expect.stringMatching(/^(Rome|Oslo)$/) });
});

llamaTest('tools and their results are part of the prompt', async () => {
  const bare = await all({ ...HELLO, maxOutputTokens: 4 });
  const tools = [
    {
      name: 'fs_read',
      description: 'Reads.',
      parametersJson: '{"type":"object","properties":{"path":{"type":"string"}}}',
    },
  ];
  const messages = [
    ...(HELLO.messages ?? []),
    { role: Role.ASSISTANT, toolCalls: [{ id: 'a', name: 'fs_read', argumentsJson: '{"path":"a.md"}' }] },
    { role: Role.TOOL, parts: text('{"text":"hello"}'), toolCallId: 'a', toolName: 'fs_read' },
  ];
  const { finish } = await all({ messages, tools, maxOutputTokens: 4 });
  expect(finish.usage!.inputTokens).toBeGreaterThan(bare.finish.usage!.inputTokens + 20n);
});

llamaTest(
  'a conversation that leaves no room for an answer is too long; one that fills its context ends there',
  async () => {
    const long = { messages: [{ role: Role.USER, parts: text('hello '.repeat(2000)) }] };
    await expect(all(long)).rejects.toMatchObject({ reason: 'CONTEXT_TOO_LONG' });
    const { finish } = await all(HELLO, { from: driver(512) });
    const { inputTokens = 0n, outputTokens = 0n } = finish.usage ?? {};
    expect(inputTokens + outputTokens).toBeLessThanOrEqual(512n);
  },
);

llamaTest('a long conversation is fitted by the count of the model itself', async () => {
  const settings = { name: 'tiny', model: 'tiny.gguf', file: { path: GGUF, contextTokens: 512 } };
  const from = fittingDriver(ggufDriver(settings, llama), ggufSpace(settings, llama));
  const turns = Array.from({ length: 30 }, (_, index) => [
    { role: Role.USER, parts: text(`Question ${index}?`) },
    { role: Role.ASSISTANT, parts: text(`Answer ${index} is 绳结 and ${'xyzzy '.repeat(20)}`) },
  ]).flat();
  const { finish } = await all(
    { messages: [...turns, { role: Role.USER, parts: text('And now?') }], maxOutputTokens: 8 },
    { from },
  );
  const { summarisedMessages = 0, droppedMessages = 0 } = finish.contextFit ?? {};
  expect(summarisedMessages + droppedMessages).toBeGreaterThan(40);
  expect(finish.usage?.inputTokens).toBeLessThan(512n);
});

llamaTest('starting, loading and answering leave the event loop of the worker alone', async () => {
  const own = new Llama(LLAMA_FOLDER);
  const before = performance.eventLoopUtilization();
  const start = performance.now();
  let [late, last] = [0, start];
  const timer = setInterval(() => {
    const now = performance.now();
    late = Math.max(late, now - last - 20);
    last = now;
  }, 20);
  try {
    const from = ggufDriver({ name: 'tiny', model: 'tiny.gguf', file: { path: GGUF, contextTokens: 512 } }, own);
    await all({ ...HELLO, maxOutputTokens: 200 }, { from });
  } finally {
    clearInterval(timer);
    await own.close();
  }
  // Reading the vocabulary of even this small file in one go would hold it for longer.
  expect(late).toBeLessThan((performance.now() - start) / 8);
  expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.3);
});

llamaTest('a file that is no model is refused with the name of the model, and others go on', async () => {
  await expect(all(HELLO, { from: driver(512, import.meta.filename) })).rejects.toMatchObject({
    reason: 'PROVIDER_REFUSED',
  });
  expect((await all({ ...HELLO, maxOutputTokens: 2 })).finish.usage?.outputTokens).toBe(2n);
});

llamaTest('a process that dies in mid-answer fails it retryably, and the next ask has a new one', async () => {
  const own = new Llama(LLAMA_FOLDER);
  const from = ggufDriver({ name: 'tiny', model: 'tiny.gguf', file: { path: GGUF, contextTokens: 512 } }, own);
  let pid = 0;
  const died = all(
    { ...HELLO, maxOutputTokens: 400 },
    {
      from,
      seen: () => {
        if (pid !== 0) return;
        pid = own.pid!;
        process.kill(pid, 'SIGKILL');
      },
    },
  );
  await expect(died).rejects.toMatchObject({ reason: 'PROVIDER_UNAVAILABLE', retryable: true });
  expect((await all({ ...HELLO, maxOutputTokens: 2 }, { from })).finish.usage?.outputTokens).toBe(2n);
  expect(own.pid).not.toBe(pid);
  await own.close();
});

llamaTest(
  'vectors come from the same process, whole and of length 1; a long text is cut to what the model reads',
  async () => {
    const settings = { name: 'tiny', model: 'tiny.gguf', dimension: 8 };
    const embedder = ggufEmbedder(settings, llamaEmbedding('tiny', GGUF, new Llama(LLAMA_FOLDER)));
    const signal = new AbortController().signal;
    const { vectors, tokens } = await embedder.embed(['hello world', 'hello world', '绳'], Purpose.DOCUMENT, signal);
    expect(vectors[0]).toEqual(vectors[1]);
    expect(Math.hypot(...vectors[2]!)).toBeCloseTo(1, 4);
    expect(tokens).toBeGreaterThan(6);
    const long = 'hello world '.repeat(3000);
    const fitted = await embedder.fit(long);
    expect(fitted.length).toBeLessThan(long.length);
    await embedder.embed([fitted], Purpose.DOCUMENT, signal);
    await embedder.close?.();
  },
);
