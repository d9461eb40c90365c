// How sure a model was of its words, where its provider tells the log-probabilities of its tokens. Pure.

import { create } from '@bufbuild/protobuf';
import {
  type Confidence,
  ConfidenceOrigin,
  ConfidenceSchema,
} from '../../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { isRecord } from '../../../../base/is-record.ts';

/** Models of OpenAI that tell them; those that reason refuse to be asked. */
const TELLS = /^(?:gpt-4|gpt-3\.5|chatgpt-4)/;

/** Whether to ask this model for log-probabilities. */
export const tellsLogprobs = (provider: string, model: string): boolean => provider === 'openai' && TELLS.test(model);

/**
 * The geometric mean of the tokens' probabilities, origin LOGPROBS; undefined where the provider gave none. `metadata` is what
 * the AI SDK passes on of the provider's answer.
 */
export function confidenceOf(metadata: unknown): Confidence | undefined {
  const openai = isRecord(metadata) ? metadata.openai : undefined;
  const list = isRecord(openai) && Array.isArray(openai.logprobs) ? openai.logprobs : [];
  const known = list.flatMap((each: unknown) =>
    isRecord(each) && typeof each.logprob === 'number' && Number.isFinite(each.logprob) ? [each.logprob] : [],
  );
  if (known.length === 0) return undefined;
  const mean = known.reduce((sum, value) => sum + Math.min(0, value), 0) / known.length;
  return create(ConfidenceSchema, { value: Math.exp(mean), origin: ConfidenceOrigin.LOGPROBS });
}
