// The built-in model: deterministic rules that ask for tools and quote what they find. It says what it is in every answer.
import { create } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  type ChatResponse,
  ChatResponseSchema,
  ConfidenceOrigin,
  FinishReason,
} from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { type ModelInfo, ModelInfoSchema } from '../../gen/bowline/common/v1/common_pb.ts';
import { estimateTokens } from '../base/estimate-tokens.ts';
import { aimOf } from './aim.ts';
import { aimAtShared } from './aim-at-shared.ts';
import { compose } from './answer.ts';
import { cutFiles } from './cut-files.ts';
import { evidenceOf } from './evidence.ts';
import { nextCalls } from './plan.ts';
import type { PlannedCall } from './planned-call.ts';
import { SUMMARY_REQUEST, sumUp } from './sum-up.ts';
import { type Transcript, textOf, transcriptOf } from './transcript.ts';

export const RULES_INFO: ModelInfo = create(ModelInfoSchema, {
  provider: 'rules',
  name: 'rules',
  local: true,
  note: 'finds and quotes lines of your files, understands nothing',
});

/** The next calls or the answer of the rules, as a model gives them. It needs no key, no network and no memory. */
export async function* rulesChat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatResponse> {
  const transcript = transcriptOf(request);
  if (SUMMARY_REQUEST.test(transcript.system)) {
    const text = sumUp(transcript.question);
    yield* spoken(text, signal);
    yield finish(request, text, FinishReason.STOP);
    return;
  }
  const aim = aimAtShared(aimOf(transcript.question), transcript.shared);
  const evidence = evidenceOf(transcript.steps);
  const calls = nextCalls(aim, transcript, evidence);
  if (calls.length > 0) {
    for (const response of toolCalls(calls, transcript, request)) yield response;
    return;
  }
  const answer = compose(aim, transcript, evidence, await cutFiles([...evidence.reads, ...evidence.passages], signal));
  yield* spoken(answer.text, signal);
  yield finish(request, answer.text, FinishReason.STOP, answer);
}

function* spoken(answer: string, signal: AbortSignal): Generator<ChatResponse> {
  for (const text of pieces(answer)) {
    signal.throwIfAborted();
    yield create(ChatResponseSchema, { event: { case: 'text', value: { text } } });
  }
}

function* toolCalls(
  calls: readonly PlannedCall[],
  transcript: Transcript,
  request: ChatRequest,
): Generator<ChatResponse> {
  let written = '';
  for (const [index, call] of calls.entries()) {
    const value = {
      id: `call_${transcript.rounds}_${index}`,
      name: call.tool,
      argumentsJson: JSON.stringify(call.args),
    };
    written += value.argumentsJson;
    yield create(ChatResponseSchema, { event: { case: 'toolCall', value } });
  }
  yield finish(request, written, FinishReason.TOOL_CALLS);
}

function finish(
  request: ChatRequest,
  written: string,
  reason: FinishReason,
  answer?: { readonly confidence: number; readonly sources: ReturnType<typeof compose>['sources'] },
): ChatResponse {
  const read = [
    ...request.messages.map(
      (message) => textOf(message) + message.toolCalls.map((call) => call.argumentsJson).join(''),
    ),
    ...request.tools.map((tool) => tool.description + tool.parametersJson),
  ];
  const inputTokens = BigInt(read.reduce((sum, text) => sum + estimateTokens(text), 0));
  return create(ChatResponseSchema, {
    event: {
      case: 'finish',
      value: {
        reason,
        usage: { inputTokens, outputTokens: BigInt(estimateTokens(written)) },
        confidence: { value: answer?.confidence ?? 0.5, origin: ConfidenceOrigin.HEURISTIC },
        model: RULES_INFO,
        sources: [...(answer?.sources ?? [])],
      },
    },
  });
}

/** Cuts after spaces, line ends and Chinese punctuation, so that an answer appears piece by piece. */
function pieces(text: string): string[] {
  return text.match(/[\s\S]{1,24}?(?:\s+|[，。；：！？、”]+|$)|[\s\S]{1,24}/gu) ?? [];
}
