// Why something stayed on the box, as the words that people, models and programs see.
import { type JsonObject, toJson } from '@bufbuild/protobuf';
import { type Withheld, WithheldReason, WithheldSchema } from '../../gen/bowline/run/v1/run_pb.ts';

/** `NO_GRANT`, `RANGE` and so on. */
export type WithheldWord = Exclude<keyof typeof WithheldReason, 'UNSPECIFIED'>;

const WORDS = new Map<number, WithheldWord>(
  Object.entries(WithheldReason).flatMap(([word, value]) =>
    value === WithheldReason.UNSPECIFIED ? [] : [[value, word as WithheldWord] as const],
  ),
);

/** Empty where it was not told. */
export const withheldWord = (why: WithheldReason): WithheldWord | '' => WORDS.get(why) ?? '';

/** As JSON for models, with the word. */
export function withheldJson(withheld: Withheld): JsonObject {
  const { why: _, ...rest } = toJson(WithheldSchema, withheld) as JsonObject;
  const why = withheldWord(withheld.why);
  const { name, hint, ...head } = rest;
  return {
    ...head,
    ...(why && { why }),
    ...(name !== undefined && { name }),
    ...(hint !== undefined && { hint }),
  };
}
