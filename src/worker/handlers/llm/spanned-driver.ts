// A driver each of whose calls is a span, as the GenAI conventions have it: who was asked, for which model, and how many tokens it took.
import {
  type ChatRequest,
  type ChatResponse,
  FinishReasonSchema,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { ATTRS, OPERATIONS, SPANS } from '../../../base/telemetry/names.ts';
import type { Attributes } from '../../../base/telemetry/span-data.ts';
import { modelUsed } from '../../../contract/usage.ts';
import type { HandlerContext } from '../../kit/handler.ts';
import type { ChatDriver } from './chat-driver.ts';

export function spannedDriver(driver: ChatDriver): ChatDriver {
  return { info: driver.info, chat: (request, context) => chat(driver, request, context) };
}

async function* chat(driver: ChatDriver, request: ChatRequest, context: HandlerContext): AsyncGenerator<ChatResponse> {
  const { provider, name } = modelUsed(driver.info);
  const end = context.span(`${SPANS.chat} ${name}`, {
    [ATTRS.operation]: OPERATIONS.chat,
    [ATTRS.provider]: provider,
    [ATTRS.model]: name,
  });
  let used: Attributes = {};
  let failed: unknown;
  try {
    for await (const response of driver.chat(request, context)) {
      if (response.event.case === 'finish') {
        const { usage, reason } = response.event.value;
        used = {
          [ATTRS.finish]: [FinishReasonSchema.value[reason]?.localName.toLowerCase() ?? 'unspecified'],
          ...(usage && {
            [ATTRS.inputTokens]: Number(usage.inputTokens),
            [ATTRS.outputTokens]: Number(usage.outputTokens),
          }),
        };
      }
      yield response;
    }
  } catch (error) {
    failed = error;
    throw error;
  } finally {
    end(failed, used);
  }
}
