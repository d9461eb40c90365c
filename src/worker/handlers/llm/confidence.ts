// How sure an answer is where its model does not tell: declared rules about the answer, never a claim about its content. Pure.
import { create } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  type Confidence,
  ConfidenceOrigin,
  ConfidenceSchema,
  FinishReason,
  type Message,
  Role,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';

/** By how it ended; a whole answer counts as half sure until something speaks for it. */
const BY_REASON: Readonly<Record<FinishReason, number>> = {
  [FinishReason.UNSPECIFIED]: 0.1,
  [FinishReason.STOP]: 0.5,
  [FinishReason.TOOL_CALLS]: 0.5,
  [FinishReason.LENGTH]: 0.3,
  [FinishReason.FILTERED]: 0.1,
};
/** Nothing was said. */
const EMPTY = 0;
/** The model says that it is not sure, or that it will not or cannot answer. */
const HEDGED = -0.2;
const DECLINED = -0.3;
/** A result of a tool that worked stands before the answer. */
const WITH_RESULTS = 0.2;
/** Something of the conversation was left out. */
const FITTED = -0.1;

/** Characters of an answer that are looked at: its beginning, where doubts are told. */
export const JUDGED_CHARS = 2000;

const HEDGES =
  /\b(?:I(?:'m| am) not (?:sure|certain)|I (?:do not|don't) know|(?:it|this) is (?:unclear|possible that)|(?:probably|perhaps|maybe|might be|not entirely)\b)|不确定|不太清楚|不知道|也许|可能是|大概|无法确认/i;
const DECLINES =
  /^[^.!?。！？]{0,80}?(?:\bI(?:'m| am) (?:unable|not able) to|\bI (?:cannot|can't|can not|won't) (?:help|assist|answer|provide|comply|do that)|(?:无法|不能)(?:回答|帮助|协助|提供))/i;

/** From 0 to 1, origin HEURISTIC. A short answer is not less sure: most facts are short. */
export function ruleOfConfidence(
  request: ChatRequest,
  { reason, fitted, text }: { readonly reason: FinishReason; readonly fitted: boolean; readonly text: string },
): Confidence {
  const confidence = (value: number) => create(ConfidenceSchema, { value, origin: ConfidenceOrigin.HEURISTIC });
  if (reason === FinishReason.STOP && text.trim() === '') return confidence(EMPTY);
  const said = text.slice(0, JUDGED_CHARS).replaceAll('’', "'");
  const question = request.messages.findLastIndex(({ role }) => role === Role.USER);
  const results = request.messages.slice(question + 1).filter(({ role }) => role === Role.TOOL);
  const failed = ({ parts }: Message) =>
    parts.some(({ part }) => part.case === 'text' && /^\s*\{"error":/.test(part.value));
  const backed = reason === FinishReason.STOP && results.some((message) => !failed(message));
  const doubt = DECLINES.test(said) ? DECLINED : HEDGES.test(said) ? HEDGED : 0;
  const value = (BY_REASON[reason] ?? 0) + (backed ? WITH_RESULTS : 0) + (fitted ? FITTED : 0) + doubt;
  return confidence(Math.min(1, Math.max(0, value)));
}
