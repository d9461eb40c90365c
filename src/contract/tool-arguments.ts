// The arguments that a model gave for a tool, as the request of its method.
import { fromJsonString, type Message } from '@bufbuild/protobuf';
import type { ToolCall as ChatToolCall } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { AppError } from '../base/errors.ts';
import { fixedLimit } from '../base/fixed-limit.ts';
import type { CapabilityMethod } from './registry.ts';

/** Its values are not judged by the rules of the contract. Throws LIMIT_EXCEEDED over `maxBytes`, and INVALID_ARGUMENT. */
export function toolArguments(
  { desc: { input } }: CapabilityMethod,
  { name, argumentsJson }: Pick<ChatToolCall, 'name' | 'argumentsJson'>,
  maxBytes: number,
): Message {
  if (Buffer.byteLength(argumentsJson) > maxBytes)
    throw fixedLimit('the size of the arguments', `${maxBytes} bytes`, 'send less');
  try {
    return fromJsonString(input, argumentsJson || '{}');
  } catch (error) {
    const problem = error instanceof Error ? error.message.slice(0, 300) : 'they are no JSON object';
    throw new AppError('INVALID_ARGUMENT', { what: `the arguments of ${name}: ${problem}` });
  }
}
