// A real model behind the AI SDK. One try per call: who retries, and when, is the orchestrator's business.
import { create } from '@bufbuild/protobuf';
import type { LanguageModelUsage, FinishReason as SdkFinishReason } from 'ai';
import {
  type ChatRequest,
  type ChatResponse,
  ChatResponseSchema,
  FinishReason,
} from '../../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { type ModelInfo, ModelInfoSchema } from '../../../../../gen/bowline/common/v1/common_pb.ts';
import type { Usage } from '../../../../../gen/bowline/run/v1/run_pb.ts';
import type { Clock } from '../../../../base/clock.ts';
import { countOf } from '../../../../base/count.ts';
import { AppError } from '../../../../base/errors.ts';
import { estimateTokens } from '../../../../base/estimate-tokens.ts';
import type { HandlerContext } from '../../../kit/handler.ts';
import { isLocal } from '../../../kit/providers/local-address.ts';
import { Patience } from '../../../kit/providers/patience.ts';
import { providerError } from '../../../kit/providers/provider-error.ts';
import type { ChatDriver } from '../chat-driver.ts';
import { textsOf } from '../fit-context.ts';
import { outputSchema } from '../output-schema.ts';
import { tokenUsage } from '../token-usage.ts';
import { type Habits, habitsOf } from './dialect/tolerant-fetch.ts';
import { languageModel, type ModelCall } from './language-model.ts';
import { confidenceOf, tellsLogprobs } from './logprobs.ts';
import { promptOf, toolsOf } from './prompt.ts';
import type { ProviderSettings } from './provider-settings.ts';

/** A driver for one entry of models.yaml. Nothing is loaded or read before its first call. */
export function providerDriver(settings: ProviderSettings, clock: Clock): ChatDriver {
  const habits = habitsOf(settings.model);
  return { info: infoOf(settings), chat: (request, context) => chat(settings, habits, clock, request, context) };
}

/** Who answers: for a compatible server its name in models.yaml, since that is who receives content. */
function infoOf(settings: ProviderSettings): ModelInfo {
  const { provider, name, model, baseUrl } = settings;
  const local = isLocal(baseUrl);
  const where = baseUrl === undefined ? provider : hostOf(baseUrl);
  return create(ModelInfoSchema, {
    provider: provider === 'openai-compatible' ? name : provider,
    name: model,
    local,
    note: local
      ? `A model on a machine of yours (${where}).`
      : `A model of a provider (${where}), outside your machines.`,
  });
}

/** Letters of thoughts that are kept. */
const MAX_THOUGHT = 256 << 10;

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : 'unknown').slice(0, 200);

async function* chat(
  settings: ProviderSettings,
  habits: Habits,
  clock: Clock,
  request: ChatRequest,
  { signal, report, log }: HandlerContext,
): AsyncGenerator<ChatResponse> {
  let written = '';
  /** What it thought aloud: not part of the answer, but paid for. */
  let thought = '';
  /** It has begun to answer, or was stopped with the request out, and counts what it reads and writes, whatever comes of it. */
  let counts = false;
  let isOut = false;
  let metadata: unknown;
  const patience = new Patience(clock);
  const silent = () =>
    new AppError('PROVIDER_UNAVAILABLE', { provider: settings.name, problem: 'it was silent for too long' });
  const { firstChunkMs = 180_000, chunkMs = 90_000 } = settings;
  try {
    signal.throwIfAborted();
    const parts = await start(
      settings,
      { habits, clock, calls: request.tools.length > 0 },
      request,
      AbortSignal.any([signal, patience.signal]),
    );
    for (let wait = firstChunkMs; ; ) {
      // What came together with the piece at which it was cancelled is not told.
      signal.throwIfAborted();
      isOut = true;
      const next = await patience.within(parts.next(), wait, silent);
      if (next.done)
        throw new AppError('PROVIDER_UNAVAILABLE', { provider: settings.name, problem: 'it gave no answer' });
      const part = next.value;
      if (part.type !== 'start' && part.type !== 'start-step') wait = chunkMs;
      counts ||= part.type === 'text-delta' || part.type === 'tool-call' || part.type === 'reasoning-delta';
      switch (part.type) {
        case 'text-delta':
          written += part.text;
          if (part.text !== '')
            yield create(ChatResponseSchema, { event: { case: 'text', value: { text: part.text } } });
          break;
        case 'tool-call': {
          const argumentsJson = typeof part.input === 'string' ? part.input : JSON.stringify(part.input ?? {});
          written += argumentsJson;
          const value = { id: part.toolCallId.slice(0, 256), name: part.toolName.slice(0, 64), argumentsJson };
          yield create(ChatResponseSchema, { event: { case: 'toolCall', value } });
          break;
        }
        case 'reasoning-delta':
          thought += part.text;
          if (part.text !== '' && thought.length <= MAX_THOUGHT)
            yield create(ChatResponseSchema, {
              event: { case: 'reasoning', value: { text: part.text.toWellFormed() } },
            });
          break;
        case 'finish-step':
          metadata = part.providerMetadata;
          break;
        case 'error':
          throw part.error;
        case 'finish': {
          const last = finish(settings, request, { written, thought }, part.finishReason, part.totalUsage);
          counts = false;
          const confidence = confidenceOf(metadata);
          if (confidence && last.event.case === 'finish') last.event.value.confidence = confidence;
          yield last;
          return;
        }
      }
    }
  } catch (error) {
    if (signal.aborted) {
      counts ||= isOut;
      throw signal.reason;
    }
    throw providerError(error, settings, clock.now());
  } finally {
    if (counts) {
      log.info('an answer ended before its provider told what it used; that is estimated', { model: settings.name });
      report(usageOf(settings, request, written + thought));
    }
    patience.stop();
  }
}

async function start(settings: ProviderSettings, call: ModelCall, request: ChatRequest, abortSignal: AbortSignal) {
  const { jsonSchema, Output, streamText } = await import('ai');
  const schema = settings.provider === 'openai-compatible' ? undefined : outputSchema(request);
  const { instructions, messages } = promptOf(request);
  const maxOutputTokens = request.maxOutputTokens || settings.maxOutputTokens;
  const { stream } = streamText({
    model: await languageModel(settings, call),
    ...(instructions === '' ? {} : { instructions }),
    messages,
    ...(request.tools.length > 0 ? { tools: await toolsOf(request) } : {}),
    ...(maxOutputTokens ? { maxOutputTokens } : {}),
    ...(request.sampling ? { temperature: request.sampling.temperature } : {}),
    ...(schema ? { output: Output.object({ schema: jsonSchema(schema as Parameters<typeof jsonSchema>[0]) }) } : {}),
    ...(tellsLogprobs(settings.provider, settings.model) ? { providerOptions: { openai: { logprobs: true } } } : {}),
    maxRetries: 0,
    abortSignal,
    // Errors are thrown by `chat`; without this the SDK prints them, content included.
    onError: () => {},
  });
  return stream[Symbol.asyncIterator]();
}

function finish(
  settings: ProviderSettings,
  request: ChatRequest,
  { written, thought }: { readonly written: string; readonly thought: string },
  reason: SdkFinishReason,
  usage: LanguageModelUsage,
): ChatResponse {
  if (reason === 'error' || reason === 'interrupted') {
    const problem = 'the answer ended before it was complete';
    throw new AppError('PROVIDER_UNAVAILABLE', { provider: settings.name, problem });
  }
  if (reason === 'content-filter' && written === '') {
    throw new AppError('PROVIDER_REFUSED', { provider: settings.name, problem: 'its content filter stopped it' });
  }
  const value = {
    reason: REASONS[reason],
    usage: usageOf(settings, request, written + thought, usage),
    model: infoOf(settings),
  };
  return create(ChatResponseSchema, { event: { case: 'finish', value } });
}

const REASONS: Readonly<Record<Exclude<SdkFinishReason, 'error' | 'interrupted'>, FinishReason>> = {
  stop: FinishReason.STOP,
  other: FinishReason.STOP,
  length: FinishReason.LENGTH,
  'tool-calls': FinishReason.TOOL_CALLS,
  'content-filter': FinishReason.FILTERED,
};

/** What the provider counted; an estimate where it counts nothing or what cannot be, so that budgets still bite. */
function usageOf(settings: ProviderSettings, request: ChatRequest, written: string, usage?: LanguageModelUsage): Usage {
  const read = countOf(usage?.inputTokens) || undefined;
  const wrote = written === '' ? (countOf(usage?.outputTokens) ?? 0) : countOf(usage?.outputTokens) || undefined;
  const count = {
    input: read ?? textsOf(request).reduce((sum, text) => sum + estimateTokens(text), 0),
    output: wrote ?? estimateTokens(written),
    cached: usage?.inputTokenDetails.cacheReadTokens ?? 0,
  };
  const told = tokenUsage(count, settings.price);
  told.estimated = read === undefined || wrote === undefined;
  return told;
}
