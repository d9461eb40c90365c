// A model file on this machine. Loads and computes in the llama process; here a request becomes its conversation, and what it
// says becomes the contract's messages.
import { create } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  type ChatResponse,
  ChatResponseSchema,
  FinishReason,
} from '../../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { type ModelInfo, ModelInfoSchema } from '../../../../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../../../../base/errors.ts';
import { estimateTokens } from '../../../../base/estimate-tokens.ts';
import type { HandlerContext } from '../../../kit/handler.ts';
import type { Llama } from '../../../llama/llama.ts';
import type { LlamaEvent, LlamaFile } from '../../../llama/llama-messages.ts';
import type { ChatDriver } from '../chat-driver.ts';
import { textsOf } from '../fit-context.ts';
import type { ContextSpace } from '../fitting-driver.ts';
import { type TokenPrice, tokenUsage } from '../token-usage.ts';
import { ggufMessages, ggufTools } from './gguf-prompt.ts';

export interface GgufChatSettings {
  /** Name in models.yaml. */
  readonly name: string;
  /** What people see it called, e.g. the name of its file. */
  readonly model: string;
  readonly file: LlamaFile;
  /** Where a request does not say; without it an answer may fill the context. */
  readonly maxOutputTokens?: number;
  readonly price?: TokenPrice;
}

/** A driver for one entry of models.yaml. Nothing is loaded before its first call. */
export function ggufDriver(settings: GgufChatSettings, llama: Llama): ChatDriver {
  const info = create(ModelInfoSchema, {
    provider: settings.name,
    name: settings.model,
    local: true,
    note: 'A model file on this machine.',
  });
  return { info, chat: (request, context) => chat(settings, llama, info, request, context) };
}

/** The room that the file has, and its own count of tokens. */
export function ggufSpace({ name, file }: GgufChatSettings, llama: Llama): ContextSpace {
  return {
    name,
    tokens: async (signal) => (await llama.one('described', name, file, { kind: 'describe' }, signal)).contextTokens,
    count: async (texts, signal) => (await llama.one('counted', name, file, { kind: 'count', texts }, signal)).tokens,
  };
}

async function* chat(
  { name, file, maxOutputTokens = 0, price }: GgufChatSettings,
  llama: Llama,
  model: ModelInfo,
  request: ChatRequest,
  { signal, attempt, report, log }: HandlerContext,
): AsyncGenerator<ChatResponse> {
  const schema = request.outputSchemaJson === '' ? {} : { schema: schemaOf(request.outputSchemaJson) };
  const ask = {
    kind: 'chat' as const,
    chat: {
      messages: ggufMessages(request),
      tools: ggufTools(request),
      maxTokens: request.maxOutputTokens || maxOutputTokens,
      temperature: request.sampling?.temperature ?? 0,
      ...schema,
    },
  };
  let calls = 0;
  let written = 0;
  let ended = false;
  try {
    for await (const event of llama.ask(name, file, ask, signal)) {
      if (event.kind === 'text') {
        written += estimateTokens(event.text);
        yield create(ChatResponseSchema, { event: { case: 'text', value: { text: event.text } } });
      } else if (event.kind === 'call') {
        // The library gives no ids; they need to differ within the run's turn only.
        const value = { id: `call_${attempt}_${request.messages.length}_${calls++}`, name: event.name.slice(0, 64) };
        const argumentsJson = JSON.stringify(event.params ?? {});
        yield create(ChatResponseSchema, { event: { case: 'toolCall', value: { ...value, argumentsJson } } });
      } else if (event.kind === 'finished') {
        ended = true;
        yield finish(event, model, price);
      }
    }
  } finally {
    if (!ended && written > 0) {
      log.info('an answer ended before the model told what it used; that is estimated', { model: name });
      const input = textsOf(request).reduce((sum, text) => sum + estimateTokens(text), 0);
      report(tokenUsage({ input, output: written }, price));
    }
  }
}

function finish(
  { reason, usage }: LlamaEvent & { kind: 'finished' },
  model: ModelInfo,
  price: TokenPrice | undefined,
): ChatResponse {
  const value = {
    reason: REASONS[reason],
    usage: tokenUsage({ input: usage.inputTokens, output: usage.outputTokens }, price),
    model,
  };
  return create(ChatResponseSchema, { event: { case: 'finish', value } });
}

const REASONS = { stop: FinishReason.STOP, length: FinishReason.LENGTH, calls: FinishReason.TOOL_CALLS } as const;

function schemaOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new AppError('INVALID_ARGUMENT', { what: 'output_schema_json is not JSON' });
  }
}
