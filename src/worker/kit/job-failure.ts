// How an error of a handler becomes the Failure that the orchestrator decides on.
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Failure } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { Logger } from '../../base/logger.ts';
import { toAppError, toFailure } from '../../contract/errors.ts';

/** Metadata key of an AppError: how many milliseconds to wait before the next try. Travels as `retry_after`. */
export const RETRY_AFTER_MS = 'retryAfterMs';

/** A longer wait than a day is not believed. */
const MAX_WAIT_MS = 86_400_000;

/** Anything a handler threw, as it travels in a JobResult. Foreign errors become INTERNAL; their cause goes to the log. */
export function jobFailure(error: unknown, log: Logger): Failure {
  const failure = toFailure(toAppError(error, log), log);
  const wait = Number(failure.metadata[RETRY_AFTER_MS]);
  delete failure.metadata[RETRY_AFTER_MS];
  if (Number.isFinite(wait) && wait > 0) failure.retryAfter = durationFromMs(Math.min(Math.ceil(wait), MAX_WAIT_MS));
  return failure;
}
