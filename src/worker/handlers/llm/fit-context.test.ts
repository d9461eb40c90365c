// Conversations that are too long for a model: what is cut first, what last, and what never.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  type MessageSchema,
  Role,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { estimateTokens } from '../../../base/estimate-tokens.ts';
import { RULES_INFO } from '../../../rules/rules-chat.ts';
import { textOf } from '../../../rules/transcript.ts';
import { loneContext } from '../../kit/lone-context.ts';
import { fitContext } from './fit-context.ts';
import { fittingDriver } from './fitting-driver.ts';

type Said = MessageInitShape<typeof MessageSchema>;
const say = (role: Role, value: string, more: object = {}): Said => ({
  role,
  parts: [{ part: { case: 'text', value } }],
  ...more,
});
const turn = (index: number): Said[] => [
  say(Role.USER, `Question ${index}? ${'why '.repeat(20)}`),
  say(Role.ASSISTANT, `Answer ${index} is ${'quite '.repeat(60)}long.`),
];
const steps = (text: string): Said[] => [
  { role: Role.ASSISTANT, toolCalls: [{ id: 'a', name: 'fs_read', argumentsJson: '{"path":"a"}' }] },
  say(Role.TOOL, text, { toolCallId: 'a', toolName: 'fs_read' }),
];
const SYSTEM = say(Role.SYSTEM, 'You are Bowline.');
const LAST = say(Role.USER, 'The last question?');
const request = (messages: Said[]) => create(ChatRequestSchema, { messages });
const fitted = (messages: Said[], room: number) => fitContext(request(messages), room, estimateTokens);
const texts = (result: ReturnType<typeof fitted>) => result!.request.messages.map(textOf);

test('what fits is the very same request', () => {
  const whole = request([SYSTEM, ...turn(1), LAST]);
  const result = fitContext(whole, 1000, estimateTokens);
  expect(result?.fit).toBeUndefined();
  expect(result?.request).toBe(whole);
});

test('long tool results are cut first, to head and tail, and history stays', () => {
  const long = JSON.stringify({ text: `HEAD ${'x'.repeat(40_000)} TAIL` });
  const result = fitted([SYSTEM, ...turn(1), LAST, ...steps(long)], 6000);
  expect(result?.fit).toMatchObject({ trimmedResults: 1, summarisedMessages: 0, droppedMessages: 0 });
  const cut = JSON.parse(texts(result).at(-1)!);
  expect(cut.truncated).toBe(true);
  expect(cut.part).toContain('HEAD');
  expect(cut.tail).toContain('TAIL');
  expect(texts(result)[2]).toContain('Answer 1');
});

test('then older turns are summed up into one message; the newest stay as they are', () => {
  const turns = Array.from({ length: 20 }, (_, index) => turn(index)).flat();
  const result = fitted([SYSTEM, ...turns, LAST], 1500);
  expect(result?.fit?.droppedMessages).toBe(0);
  expect(result?.fit?.summarisedMessages).toBeGreaterThan(10);
  const said = texts(result);
  expect(said[0]).toBe('You are Bowline.');
  expect(result?.request.messages[2]?.role).toBe(Role.ASSISTANT);
  expect(said[2]).toContain('What was said, in its own words:');
  expect(said.at(-1)).toBe('The last question?');
  expect(said.at(-2)).toContain('Answer 19 is quite');
});

test('then they are dropped; without room for instructions and question there is none', () => {
  const turns = Array.from({ length: 4 }, (_, index) => turn(index)).flat();
  const result = fitted([SYSTEM, ...turns, LAST], 40);
  expect(result?.fit).toMatchObject({ droppedMessages: 8, summarisedMessages: 0 });
  expect(texts(result)).toEqual(['You are Bowline.', 'The last question?']);
  expect(fitted([SYSTEM, ...turns, LAST], 10)).toBeUndefined();
});

test('at last the older steps of this turn are dropped with their results; its newest step stays', () => {
  const turns = Array.from({ length: 3 }, (_, index) => turn(index)).flat();
  const many = Array.from({ length: 12 }, (_, index) => steps(`Result ${index}. ${'x'.repeat(250)}`)).flat();
  const result = fitted([SYSTEM, ...turns, LAST, ...many], 300);
  const said = texts(result);
  expect(said.slice(0, 2)).toEqual(['You are Bowline.', 'The last question?']);
  expect(said.at(-1)).toContain('Result 11.');
  expect(said.length % 2).toBe(0);
  expect(result?.fit?.droppedMessages).toBe(6 + 26 - said.length);
  expect(result?.tokens).toBeLessThanOrEqual(300);
});

test('the longest conversation is fitted by weighing each message a few times', () => {
  const messages = [
    SYSTEM,
    ...Array.from({ length: 510 }, (_, index) => [...turn(index), ...steps('y'.repeat(900))]),
  ].flat();
  let weighed = 0;
  const count = (text: string) => {
    weighed += 1;
    return estimateTokens(text);
  };
  const result = fitContext(request([...messages, LAST]), 4000, count);
  expect(result?.fit?.trimmedResults).toBe(510);
  expect(result?.fit?.summarisedMessages).toBeGreaterThan(1500);
  expect(weighed).toBeLessThan(messages.length * 2);
});

test('whatever fits keeps instructions and question, is within the room, and calls keep their results', () => {
  const length = fc.integer({ min: 0, max: 9000 });
  fc.assert(
    fc.property(
      fc.array(length, { maxLength: 6 }),
      length,
      fc.integer({ min: 10, max: 4000 }),
      (lengths, last, room) => {
        const messages = [
          SYSTEM,
          ...lengths.flatMap((each, i) => [...turn(i), ...steps('绳'.repeat(each))]),
          LAST,
          ...steps('b'.repeat(last)),
        ];
        const result = fitted(messages, room);
        if (!result) return;
        const kept = result.request.messages;
        expect(textOf(kept[0]!)).toBe('You are Bowline.');
        expect(kept.filter((message) => textOf(message) === 'The last question?')).toHaveLength(1);
        expect(kept.reduce((sum, message) => sum + estimateTokens(textOf(message)), 0)).toBeLessThanOrEqual(room);
        const calls = kept.reduce((sum, message) => sum + message.toolCalls.length, 0);
        expect(kept.filter(({ role }) => role === Role.TOOL)).toHaveLength(calls);
      },
    ),
    { numRuns: 60 },
  );
});

const finish = () => create(ChatResponseSchema, { event: { case: 'finish', value: {} } });
async function drive(accepts: number, tokens: number, messages: Said[]) {
  const seen: number[] = [];
  const inner = {
    info: RULES_INFO,
    async *chat(asked: ReturnType<typeof request>) {
      seen.push(asked.messages.length);
      if (asked.messages.length > accepts) throw new AppError('CONTEXT_TOO_LONG', { model: 'm' });
      yield finish();
    },
  };
  const said: ChatResponse[] = [];
  const driver = fittingDriver(inner, { name: 'm', tokens });
  for await (const response of driver.chat(request(messages), loneContext())) said.push(response);
  const last = said.at(-1)?.event;
  return { seen, fit: last?.case === 'finish' ? last.value.contextFit : undefined };
}

test('where the model still finds it too long it is fitted to half, once, and the finish tells it', async () => {
  const turns = Array.from({ length: 10 }, (_, index) => turn(index)).flat();
  const { seen, fit } = await drive(15, 3000, [SYSTEM, ...turns, LAST]);
  expect(seen).toHaveLength(2);
  expect(seen[1]).toBeLessThan(seen[0]!);
  expect(fit?.summarisedMessages).toBeGreaterThan(0);
  await expect(drive(1, 3000, [SYSTEM, ...turns, LAST])).rejects.toMatchObject({ reason: 'CONTEXT_TOO_LONG' });
});

test('instructions and question that do not fit are CONTEXT_TOO_LONG, and nothing is sent', async () => {
  await expect(drive(99, 512, [say(Role.SYSTEM, 'word '.repeat(4000)), LAST])).rejects.toMatchObject({
    reason: 'CONTEXT_TOO_LONG',
  });
});
