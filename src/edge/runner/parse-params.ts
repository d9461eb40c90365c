// The request of a call, from its bytes: decoded and checked by the rules of the contract.
import type { Message } from '@bufbuild/protobuf';
import { AppError } from '../../base/errors.ts';
import { check } from '../../contract/check.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import { decode } from '../../contract/wire-meter.ts';

export function parseParams(method: CapabilityMethod, params: Uint8Array): Message {
  let request: Message;
  try {
    request = decode(method.desc.input, params);
  } catch (cause) {
    throw new AppError('INVALID_ARGUMENT', { what: 'the parameters are not a request of this method' }, { cause });
  }
  check(method.desc.input, request);
  return request;
}
