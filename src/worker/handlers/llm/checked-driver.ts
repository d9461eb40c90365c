// A driver whose answers keep what was asked of them: an answer with a schema leaves only when it matches, and every finish tells
// how sure it is and why.
import { create } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  type ChatResponse,
  ChatResponseSchema,
  FinishReason,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { HandlerContext } from '../../kit/handler.ts';
import type { ChatDriver } from './chat-driver.ts';
import { JUDGED_CHARS, ruleOfConfidence } from './confidence.ts';
import { askedFor, checkedOutput, outputSchema } from './output-schema.ts';
import { askedHowSure, StatedConfidence } from './stated-confidence.ts';

/** Characters of an answer with a schema; it is held back until it is whole. */
const MAX_STRUCTURED_CHARS = 1 << 20;

/** What a driver does of itself. */
export interface DriverHabits {
  /** It holds the model to a schema, so that it need not be asked. */
  readonly binds: boolean;
  /** Its provider tells how sure the model was. */
  readonly tellsConfidence?: boolean;
}

/** Throws MODEL_OUTPUT_INVALID, INVALID_ARGUMENT. */
export function checkedDriver(driver: ChatDriver, habits: DriverHabits): ChatDriver {
  return { info: driver.info, chat: (request, context) => chat(driver, habits, request, context) };
}

async function* chat(
  driver: ChatDriver,
  { binds, tellsConfidence = false }: DriverHabits,
  request: ChatRequest,
  context: HandlerContext,
): AsyncGenerator<ChatResponse> {
  const schema = outputSchema(request);
  // Where all that it may write is JSON, it cannot say it.
  const stated = request.stateConfidence && !tellsConfidence && !schema ? new StatedConfidence() : undefined;
  const asked = stated ? askedHowSure(request) : schema && !binds ? askedFor(request) : request;
  let held = '';
  let beginning = '';
  for await (const response of driver.chat(asked, context)) {
    const { event } = response;
    if (stated && event.case === 'text') {
      event.value.text = stated.add(event.value.text);
      if (event.value.text === '') continue;
    } else if (stated && (event.case === 'finish' || event.case === 'toolCall')) {
      const { text, confidence } = stated.end();
      if (text !== '') yield textResponse(text);
      if (event.case === 'finish' && confidence) event.value.confidence ??= confidence;
    }
    if (event.case === 'text' && beginning.length < JUDGED_CHARS) beginning += event.value.text;
    if (schema && event.case === 'text') {
      held += event.value.text;
      if (held.length > MAX_STRUCTURED_CHARS) {
        throw new AppError('MODEL_OUTPUT_INVALID', { problem: `it has more than ${MAX_STRUCTURED_CHARS} characters` });
      }
      continue;
    }
    if (event.case === 'finish') {
      const { reason, contextFit, usage } = event.value;
      event.value.confidence ??= ruleOfConfidence(request, {
        reason,
        fitted: contextFit !== undefined,
        text: beginning,
      });
      if (schema && reason !== FinishReason.TOOL_CALLS) {
        try {
          if (reason === FinishReason.LENGTH) {
            throw new AppError('MODEL_OUTPUT_INVALID', {
              problem: 'it was cut off at its limit, and a schema was given',
            });
          }
          const text = checkedOutput(held, schema);
          yield textResponse(text);
        } catch (error) {
          // It was read and written, and is paid for.
          if (usage) context.report(usage);
          throw error;
        }
      } else if (held !== '') yield textResponse(held);
    }
    yield response;
  }
}

const textResponse = (text: string): ChatResponse =>
  create(ChatResponseSchema, { event: { case: 'text', value: { text } } });
