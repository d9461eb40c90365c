// How a failure ends a run. Pure.

import { create } from '@bufbuild/protobuf';
import { type Failure, FailureSchema } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { RunState as State } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { codeNumber } from '../../../contract/errors.ts';

/** The final state of a run whose only way on failed like this. */
export function stateOfFailure(failure: Failure): State {
  switch (failure.code) {
    case codeNumber('permission_denied'):
    case codeNumber('unauthenticated'):
    case codeNumber('resource_exhausted'):
      return State.REFUSED;
    case codeNumber('canceled'):
      return State.CANCELLED;
    case codeNumber('deadline_exceeded'):
      return State.TIMED_OUT;
    default:
      return State.FAILED;
  }
}

const REASON = /^[A-Z][A-Z0-9_]{0,62}$/;

/** A failure from outside, within the bounds of the contract. */
export function boundedFailure(failure: Failure): Failure {
  const entries = Object.entries(failure.metadata);
  if (REASON.test(failure.reason) && failure.message.length <= 4096 && failure.code <= 16 && entries.length <= 32) {
    return failure;
  }
  return create(FailureSchema, {
    ...failure,
    reason: REASON.test(failure.reason) ? failure.reason : 'INTERNAL',
    code: failure.code <= 16 ? failure.code : codeNumber('unknown'),
    message: failure.message.slice(0, 4096),
    metadata: Object.fromEntries(entries.slice(0, 32)),
  });
}
