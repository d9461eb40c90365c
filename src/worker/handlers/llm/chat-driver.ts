// The port between the llm handler and whatever answers: the built-in rules or a provider. Drivers never retry.
import type { ChatRequest, ChatResponse } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { ModelInfo } from '../../../../gen/bowline/common/v1/common_pb.ts';
import type { HandlerContext } from '../../kit/handler.ts';

export interface ChatDriver {
  /** Who answers, as shown to people. */
  readonly info: ModelInfo;
  /** Text pieces, tool calls, then one finish. Throws AppError (PROVIDER_*, CONTEXT_TOO_LONG) or the signal's reason. */
  chat(request: ChatRequest, context: HandlerContext): AsyncIterable<ChatResponse>;
}
