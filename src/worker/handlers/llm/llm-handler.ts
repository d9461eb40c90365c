// Serves bowline.capability.llm.v1: chooses the driver of the wanted model and keeps what it says well-formed.
import { create, isMessage, type Message } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  type ChatResponse,
  ChatResponseSchema,
  LlmService,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { modelUsed } from '../../../contract/usage.ts';
import { defineHandler, type Handler, type HandlerContext } from '../../kit/handler.ts';
import type { ChatDriver } from './chat-driver.ts';

/** Characters of one text piece that the contract allows, */
const MAX_JOINED = 1 << 20;
/** and of one that is told while the model writes; longer ones are cut. */
const MAX_PIECE = 16_384;

/** Models by the name that requests use. Empty means `defaultModel`. */
export interface ChatModels {
  readonly defaultModel: string;
  readonly drivers: ReadonlyMap<string, ChatDriver>;
  /** Ends what drivers started. */
  close(): Promise<void>;
}

/** The llm capability over these models. */
export function llmHandler(models: ChatModels): Handler {
  return defineHandler(LlmService, { Chat: (request, context) => chat(models, request, context) }, { join: joinText });
}

async function* chat(models: ChatModels, request: ChatRequest, caller: HandlerContext): AsyncGenerator<ChatResponse> {
  const name = request.model || models.defaultModel;
  const driver = models.drivers.get(name);
  if (!driver) throw new AppError('MODEL_UNKNOWN', { model: name, known: [...models.drivers.keys()].join(', ') });
  // What a job used says which model it was.
  const context: HandlerContext = {
    ...caller,
    report: (usage) => caller.report({ ...usage, model: modelUsed(driver.info) }),
  };
  // Half of a surrogate pair waits for its other half.
  let half = '';
  for await (const response of driver.chat(request, context)) {
    if (response.event.case !== 'text') {
      if (half) yield textPiece(half.toWellFormed());
      half = '';
      if (response.event.case === 'finish') {
        response.event.value.model ??= driver.info;
        if (response.event.value.usage) context.report(response.event.value.usage);
      }
      yield response;
      continue;
    }
    const text = half + response.event.value.text;
    half = endsInside(text, text.length) ? text.slice(-1) : '';
    for (const piece of pieces(half ? text.slice(0, -1) : text)) yield textPiece(piece.toWellFormed());
  }
}

/** Two pieces of text, or of thoughts, as one; undefined for anything else, or where the contract has no room for the sum. */
export function joinText(last: Message, next: Message): Message | undefined {
  if (!isMessage(last, ChatResponseSchema) || !isMessage(next, ChatResponseSchema)) return undefined;
  const [a, b] = [last.event, next.event];
  if ((a.case !== 'text' && a.case !== 'reasoning') || a.case !== b.case) return undefined;
  const text = a.value.text + b.value.text;
  return text.length > MAX_JOINED
    ? undefined
    : create(ChatResponseSchema, { event: { case: a.case, value: { text } } });
}

const textPiece = (text: string): ChatResponse =>
  create(ChatResponseSchema, { event: { case: 'text', value: { text } } });

/** Whether a cut at `end` would fall between the two halves of a code point (or leave a half at the end). */
function endsInside(text: string, end: number): boolean {
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last <= 0xdbff;
}

function* pieces(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + MAX_PIECE, text.length);
    if (end < text.length && endsInside(text, end)) end--;
    yield text.slice(start, end);
    start = end;
  }
}
