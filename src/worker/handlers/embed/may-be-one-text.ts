// Whether the failure of a batch may be the fault of one of its texts. Pure.
import { AppError } from '../../../base/errors.ts';

/** What servers answer to a text that they cannot read; llama.cpp answers 500 to one that is too long. */
const STATUSES: readonly unknown[] = [400, 413, 422, 500];

/** False for what would meet every text alike: no server, no key, too many requests, another dimension. */
export function mayBeOneText(error: unknown): boolean {
  if (!(error instanceof AppError)) return false;
  if (error.reason === 'MODEL_OUTPUT_INVALID') return true;
  const { cause } = error;
  return typeof cause === 'object' && cause !== null && 'statusCode' in cause && STATUSES.includes(cause.statusCode);
}
