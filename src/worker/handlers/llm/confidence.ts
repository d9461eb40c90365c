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
/** A result of a tool that worked stands before the answer. */
const WITH_RESULTS = 0.2;
/** Something of the conversation was left out. */
const FITTED = -0.1;

/** From 0 to 1, origin HEURISTIC. */
export function ruleOfConfidence(request: ChatRequest, reason: FinishReason, fitted: boolean): Confidence {
  const question = request.messages.findLastIndex(({ role }) => role === Role.USER);
  const results = request.messages.slice(question + 1).filter(({ role }) => role === Role.TOOL);
  const failed = ({ parts }: Message) =>
    parts.some(({ part }) => part.case === 'text' && /^\s*\{"error":/.test(part.value));
  const backed = reason === FinishReason.STOP && results.some((message) => !failed(message));
  const value = (BY_REASON[reason] ?? 0) + (backed ? WITH_RESULTS : 0) + (fitted ? FITTED : 0);
  return create(ConfidenceSchema, { value: Math.min(1, Math.max(0, value)), origin: ConfidenceOrigin.HEURISTIC });
}
