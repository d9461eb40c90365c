// A driver whose conversations always fit its model: fits each before it is sent, and once more to half of that when the model still
// finds it too long. What was left out is told in the finish.
import type { ChatRequest, ChatResponse } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { estimateTokens } from '../../../base/estimate-tokens.ts';
import type { HandlerContext } from '../../kit/handler.ts';
import type { ChatDriver } from './chat-driver.ts';
import { fitContext, textsOf } from './fit-context.ts';

/** Tokens kept for an answer whose length nobody said; never more than a quarter of the context. */
const ANSWER_TOKENS = 1024;

export interface ContextSpace {
  /** Name of the model in errors. */
  readonly name: string;
  /** Tokens of conversation and answer together. */
  readonly tokens: number | ((signal: AbortSignal) => Promise<number>);
  /** Counts as the model does; without it tokens are estimated. */
  readonly count?: (texts: readonly string[], signal: AbortSignal) => Promise<readonly number[]>;
}

/** `driver`, with conversations that fit `space`. Throws CONTEXT_TOO_LONG where instructions and question alone do not. */
export function fittingDriver(driver: ChatDriver, space: ContextSpace): ChatDriver {
  return { info: driver.info, chat: (request, context) => chat(driver, space, request, context) };
}

async function* chat(
  driver: ChatDriver,
  space: ContextSpace,
  request: ChatRequest,
  context: HandlerContext,
): AsyncGenerator<ChatResponse> {
  const tokens = typeof space.tokens === 'number' ? space.tokens : await space.tokens(context.signal);
  const answer = Math.min(request.maxOutputTokens || ANSWER_TOKENS, Math.floor(tokens / 4));
  const count = await counter(request, tokens, space, context.signal);
  let most = tokens - answer;
  for (let first = true; ; first = false) {
    const fitted = fitContext(request, most, count);
    if (!fitted) throw new AppError('CONTEXT_TOO_LONG', { model: space.name });
    let said = false;
    try {
      for await (const response of driver.chat(fitted.request, context)) {
        said = true;
        if (response.event.case === 'finish' && fitted.fit) response.event.value.contextFit = fitted.fit;
        yield response;
      }
      return;
    } catch (error) {
      const again = first && !said && error instanceof AppError && error.reason === 'CONTEXT_TOO_LONG';
      if (!again) throw error;
      // It counts otherwise, or has less room than was said.
      most = Math.floor(Math.min(most, fitted.tokens) / 2);
    }
  }
}

/** The model's own count of what is there; what is made of it (cut, summed up) is estimated at the same rate. */
async function counter(
  request: ChatRequest,
  tokens: number,
  { count }: ContextSpace,
  signal: AbortSignal,
): Promise<(text: string) => number> {
  const texts = textsOf(request);
  // What is far from the limit needs no exact count.
  if (!count || texts.reduce((sum, text) => sum + text.length, 0) < tokens / 4) return estimateTokens;
  const counts = await count(texts, signal);
  const known = new Map(texts.map((text, index) => [text, counts[index] ?? estimateTokens(text)]));
  const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
  const rate = Math.max(1, sum(counts) / Math.max(1, sum(texts.map(estimateTokens))));
  return (text) => known.get(text) ?? Math.ceil(estimateTokens(text) * rate);
}
