import { getOption } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AskRequestSchema } from '../../gen/bowline/local/v1/local_pb.ts';
import { AskSchema } from '../../gen/bowline/record/v1/record_pb.ts';
import { field as fieldOption } from '../../gen/buf/validate/validate_pb.ts';
import { isAskTooLong, maxAskBytes } from './ask-text.ts';

test('every message that carries the text of an ask has the one limit', () => {
  const limits = [AskSchema, AskRequestSchema].map(({ field }) => {
    const { type } = getOption(field.text, fieldOption);
    return type.case === 'string' ? Number(type.value.maxBytes) : undefined;
  });
  expect(limits).toEqual([maxAskBytes(), maxAskBytes()]);
  expect(maxAskBytes()).toBeGreaterThan(0);
});

test('the limit counts bytes, and the last one fits', () => {
  expect(isAskTooLong('x'.repeat(maxAskBytes()))).toBe(false);
  expect(isAskTooLong('x'.repeat(maxAskBytes() + 1))).toBe(true);
  expect(isAskTooLong('é'.repeat(maxAskBytes() / 2 + 1))).toBe(true);
});
