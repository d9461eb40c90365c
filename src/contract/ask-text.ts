// The limit of an ask's text. It stands in the contract of what carries the owner's words to the control plane, and is read from there.
import { getOption } from '@bufbuild/protobuf';
import { AskSchema } from '../../gen/bowline/record/v1/record_pb.ts';
import { field as fieldOption } from '../../gen/buf/validate/validate_pb.ts';

let limit: number | undefined;

/** Most bytes of an ask's text in UTF-8. */
export function maxAskBytes(): number {
  if (limit === undefined) {
    const { type } = getOption(AskSchema.field.text, fieldOption);
    limit = type.case === 'string' ? Number(type.value.maxBytes) : 0;
  }
  return limit;
}

export const isAskTooLong = (text: string): boolean => Buffer.byteLength(text) > maxAskBytes();
