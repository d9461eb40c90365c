// Answers that must match a schema, and how sure an answer is where its model does not tell.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  ConfidenceOrigin,
  FinishReason,
  Role,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { RULES_INFO } from '../../../rules/rules-chat.ts';
import { textOf } from '../../../rules/transcript.ts';
import { loneContext } from '../../kit/lone-context.ts';
import { checkedDriver } from './checked-driver.ts';

const SCHEMA = JSON.stringify({
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1 } },
  required: ['city'],
  additionalProperties: false,
});
const text = (value: string) => [{ part: { case: 'text' as const, value } }];
const MESSAGES = [
  { role: Role.SYSTEM, parts: text('You are Bowline.') },
  { role: Role.USER, parts: text('Where?') },
];

async function answer(
  pieces: readonly string[],
  more: MessageInitShape<typeof ChatRequestSchema> = {},
  { binds = false, reason = FinishReason.STOP }: { binds?: boolean; reason?: FinishReason } = {},
) {
  const asked: ChatRequest[] = [];
  const reported: unknown[] = [];
  const inner = {
    info: RULES_INFO,
    async *chat(request: ChatRequest): AsyncGenerator<ChatResponse> {
      asked.push(request);
      for (const piece of pieces) yield create(ChatResponseSchema, { event: { case: 'text', value: { text: piece } } });
      const usage = { inputTokens: 5n, outputTokens: 2n };
      yield create(ChatResponseSchema, { event: { case: 'finish', value: { reason, usage } } });
    },
  };
  const request = create(ChatRequestSchema, { messages: MESSAGES, ...more });
  const context = { ...loneContext(), report: (usage: unknown) => void reported.push(usage) };
  const said: string[] = [];
  let finish: { value: number; origin: ConfidenceOrigin } | undefined;
  const work = async () => {
    for await (const { event } of checkedDriver(inner, { binds }).chat(request, context)) {
      if (event.case === 'text') said.push(event.value.text);
      if (event.case === 'finish') finish = event.value.confidence;
    }
  };
  const error: unknown = await work().catch((thrown: unknown) => thrown);
  return { said, confidence: finish, asked: asked[0]!, error, reported };
}

test('an answer that matches leaves whole, with or without a fence around it', async () => {
  const good = '{"city":"Oslo","days":2}';
  const { said, error } = await answer(['{"city":', '"Oslo","days":2}'], { outputSchemaJson: SCHEMA });
  expect([error, said]).toEqual([undefined, [good]]);
  expect((await answer([`\`\`\`json\n${good}\n\`\`\``], { outputSchemaJson: SCHEMA })).said).toEqual([good]);
});

test.each([
  ['Oslo', 'it is not JSON'],
  ['{"days":2}', 'it breaks the schema (required)'],
  ['{"city":"SECRET","days":0}', 'it breaks the schema (properties, minimum)'],
  ['{"city":"Oslo","SECRET":1}', 'it breaks the schema (additionalProperties, false)'],
])('%s never leaves: %s', async (bad, problem) => {
  const { said, error, reported } = await answer([bad], { outputSchemaJson: SCHEMA });
  expect(said).toEqual([]);
  expect(error).toMatchObject({ reason: 'MODEL_OUTPUT_INVALID', retryable: true });
  expect((error as Error).message).toContain(problem);
  expect((error as Error).message).not.toContain('SECRET');
  // It is paid for all the same.
  expect(reported).toMatchObject([{ outputTokens: 2n }]);
});

test('neither a pattern without end nor an endless row of empty lines holds a worker up', async () => {
  const outputSchemaJson = JSON.stringify({ type: 'string', pattern: '^(a+)+$' });
  const { error, reported } = await answer([JSON.stringify(`${'a'.repeat(60)}!`)], { outputSchemaJson });
  expect(error).toMatchObject({ reason: 'INVALID_ARGUMENT', retryable: false });
  expect(reported).toHaveLength(1);
  const empty = await answer([`\`\`\`json\n${'\n'.repeat(200_000)}x`], { outputSchemaJson: SCHEMA });
  expect(empty.error).toMatchObject({ reason: 'MODEL_OUTPUT_INVALID' });
});

test('one that was cut at its limit is none, and a schema that is none is refused before anything is asked', async () => {
  const cut = await answer(['{"city":"Oslo"}'], { outputSchemaJson: SCHEMA }, { reason: FinishReason.LENGTH });
  expect(cut.error).toMatchObject({ reason: 'MODEL_OUTPUT_INVALID' });
  for (const outputSchemaJson of ['{', '[]', 'true']) {
    const { error, asked } = await answer(['{}'], { outputSchemaJson });
    expect(error).toMatchObject({ reason: 'INVALID_ARGUMENT' });
    expect(asked).toBeUndefined();
  }
});

test('a model that is not bound is asked for it behind its instructions; one that is bound is not', async () => {
  const { asked } = await answer(['{"city":"Oslo"}'], { outputSchemaJson: SCHEMA });
  expect(asked.messages.map(({ role }) => role)).toEqual([Role.SYSTEM, Role.SYSTEM, Role.USER]);
  expect(textOf(asked.messages[1]!)).toContain(SCHEMA);
  const bound = await answer(['{"city":"Oslo"}'], { outputSchemaJson: SCHEMA }, { binds: true });
  expect(bound.asked.messages).toHaveLength(2);
});

test('free text streams as it comes, and its confidence is a rule that says so', async () => {
  const plain = await answer(['In ', 'Oslo.']);
  expect(plain.said).toEqual(['In ', 'Oslo.']);
  expect(plain.confidence?.origin).toBe(ConfidenceOrigin.HEURISTIC);
  const result = (value: string) => [
    ...MESSAGES,
    { role: Role.ASSISTANT, toolCalls: [{ id: 'a', name: 'fs_read', argumentsJson: '{}' }] },
    { role: Role.TOOL, parts: text(value), toolCallId: 'a', toolName: 'fs_read' },
  ];
  const backed = await answer(['In Oslo.'], { messages: result('{"text":"Oslo"}') });
  const failed = await answer(['In Oslo.'], { messages: result('{"error":{"reason":"X"}}') });
  const cut = await answer(['In Oslo.'], {}, { reason: FinishReason.LENGTH });
  expect(backed.confidence!.value).toBeGreaterThan(plain.confidence!.value);
  expect(failed.confidence!.value).toBe(plain.confidence!.value);
  expect(cut.confidence!.value).toBeLessThan(plain.confidence!.value);
});

test.each([
  ['I’m not sure, but it may be Oslo.', 0.3],
  ['It was probably Oslo.', 0.3],
  ['我不确定，可能在奥斯陆。', 0.3],
  ["I'm sorry, but I can't help with that.", 0.2],
  ['抱歉，我无法回答这个问题。', 0.2],
  ['Oslo', 0.5],
  ['The probable cause is a knot that cannot jam.', 0.5],
  ['   ', 0],
])('the words of an answer speak for or against it: %s', async (words, value) => {
  // In pieces, as they come.
  const { confidence } = await answer([...words]);
  expect(confidence).toMatchObject({ origin: ConfidenceOrigin.HEURISTIC, value });
});

const SURE = ConfidenceOrigin.SELF_REPORTED;
test.each<[string, string[], string, { value: number; origin: ConfidenceOrigin } | undefined]>([
  ['a last line', ['On Friday.\n', 'confidence: 0.8'], 'On Friday.', { value: 0.8, origin: SURE }],
  ['in pieces of any size', [...'周五。\n\nconfidence: 0.35\n'], '周五。', { value: 0.35, origin: SURE }],
  ['with marks around it', ['A\n**Confidence:** 90%'], 'A', { value: 0.9, origin: SURE }],
  ['with a wide colon', ['答案\nconfidence：1'], '答案', { value: 1, origin: SURE }],
  ['alone', ['confidence: 0.5'], '', { value: 0.5, origin: SURE }],
  ['never in the middle', ['confidence: 0.9\n', 'is what I feel'], 'confidence: 0.9\nis what I feel', undefined],
  ['never behind text', ['My confidence: 0.9'], 'My confidence: 0.9', undefined],
  ['no number', ['A\nconfidence: high'], 'A\nconfidence: high', undefined],
  ['a long last line', ['A\n', 'b'.repeat(70), '\nc'], `A\n${'b'.repeat(70)}\nc`, undefined],
  ['not said', ['A\n\n', 'B', ' C'], 'A\n\nB C', undefined],
])('how sure a model says it is, is asked for, and is no part of its answer: %s', async (_what, pieces, text, sure) => {
  const { said, asked, confidence } = await answer(pieces, { stateConfidence: true });
  expect(said.join('')).toBe(text);
  expect(asked.messages.map(({ role }) => role)).toEqual([Role.SYSTEM, Role.SYSTEM, Role.USER]);
  if (sure) expect(confidence).toMatchObject(sure);
  else expect(confidence?.origin).toBe(ConfidenceOrigin.HEURISTIC);
  // Who is not asked is not touched.
  const other = await answer(pieces);
  expect(other.said).toEqual(pieces);
  expect(other.asked.messages).toHaveLength(2);
});

test('a model of which its provider tells is not asked, nor one that may write JSON alone', async () => {
  const asked: ChatRequest[] = [];
  const inner = {
    info: RULES_INFO,
    async *chat(request: ChatRequest): AsyncGenerator<ChatResponse> {
      asked.push(request);
      yield create(ChatResponseSchema, { event: { case: 'finish', value: { reason: FinishReason.STOP } } });
    },
  };
  const request = create(ChatRequestSchema, { messages: MESSAGES, stateConfidence: true });
  const driver = checkedDriver(inner, { binds: true, tellsConfidence: true });
  for await (const _ of driver.chat(request, loneContext()));
  expect(asked[0]).toBe(request);
  const { said } = await answer(['{"city":"Oslo"}'], { stateConfidence: true, outputSchemaJson: SCHEMA });
  expect(said).toEqual(['{"city":"Oslo"}']);
});
