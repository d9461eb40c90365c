// A work loop with a scripted control plane around it, for the tests of the worker.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  LlmService,
  Role,
} from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { Secret } from '../../src/base/secret.ts';
import { joinText } from '../../src/worker/handlers/llm/llm-handler.ts';
import { defineHandler, type HandlerContext } from '../../src/worker/kit/handler.ts';
import { WorkLoop, type WorkLoopOptions } from '../../src/worker/loop/work-loop.ts';
import { grpcConnector } from '../../src/worker/loop/worker-transport.ts';
import { ScriptedControl } from './scripted-control.ts';

export const CHAT = 'bowline.capability.llm.v1.LlmService/Chat';

export const params = (text = 'hello') =>
  toBinary(
    ChatRequestSchema,
    create(ChatRequestSchema, { messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value: text } }] }] }),
  );

export const piece = (text: string): ChatResponse =>
  create(ChatResponseSchema, { event: { case: 'text', value: { text } } });
export const finish = (): ChatResponse =>
  create(ChatResponseSchema, { event: { case: 'finish', value: { usage: { outputTokens: 7n } } } });

export const textOf = (bytes: Uint8Array) => {
  const { event } = fromBinary(ChatResponseSchema, bytes);
  return event.case === 'text' ? event.value.text : `<${event.case}>`;
};

export type Chat = (request: ChatRequest, context: HandlerContext) => AsyncIterable<ChatResponse>;

/** Says the text of the user back in two pieces. */
export const echo: Chat = async function* (request) {
  const part = request.messages[0]?.parts[0]?.part;
  const text = part?.case === 'text' ? part.value : '';
  yield piece(text.slice(0, 2));
  yield piece(text.slice(2));
  yield finish();
};

/** Reports the usage of the finish, as every handler does. */
async function* withUsage(responses: AsyncIterable<ChatResponse>, context: HandlerContext) {
  for await (const response of responses) {
    const { event } = response;
    if (event.case === 'finish' && event.value.usage) context.report(event.value.usage);
    yield response;
  }
}

const cleanups: (() => Promise<unknown>)[] = [];
/** Stops everything that `start` started; for `afterEach`. */
export async function stopAll(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

/** Something more to stop. */
export const stopLater = (stop: () => Promise<unknown>): unknown => cleanups.push(stop);

/** A worker with this handler, connected to a scripted control plane. */
export async function start(chat: Chat = echo, options: Partial<WorkLoopOptions> = {}) {
  const control = new ScriptedControl();
  const url = await control.listen();
  cleanups.push(() => control.close());
  const handler = defineHandler(
    LlmService,
    { Chat: (request, context) => withUsage(chat(request, context), context) },
    { join: joinText },
  );
  const loop = new WorkLoop({
    name: 'llm-1',
    slots: 2,
    handlers: [handler],
    connect: grpcConnector({ control: url, key: new Secret('bww_test'), pins: [control.publicKey] }),
    clock: systemClock,
    log: silentLogger,
    bootId: newId(),
    ...options,
    limits: { backoffBaseMs: 5, backoffCapMs: 20, stopGraceMs: 200, ...options.limits },
  });
  cleanups.push(() => loop.drain(0));
  return { control, loop, url };
}

/** A handler that yields what is pushed to it and stops when told. */
export function gated() {
  const calls: { go: (text: string) => void; end: () => void; context: HandlerContext }[] = [];
  const chat: Chat = async function* (_request, context) {
    const queue: (ChatResponse | undefined)[] = [];
    let wake = () => {};
    const add = (item: ChatResponse | undefined) => {
      queue.push(item);
      wake();
    };
    calls.push({ go: (text) => add(piece(text)), end: () => add(undefined), context });
    context.signal.addEventListener('abort', () => wake());
    for (;;) {
      while (queue.length > 0) {
        const next = queue.shift();
        if (next === undefined) return;
        yield next;
      }
      context.signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { calls, chat };
}
