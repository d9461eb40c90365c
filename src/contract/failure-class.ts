// What a failure of an attempt means: whether another attempt may follow, how soon, and whom it speaks against. One table, pure; `decide`
// and the circuits of placement read it.
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Failure } from '../../gen/bowline/common/v1/common_pb.ts';
import type { Code } from '../base/status-codes.ts';
import { codeOf } from './errors.ts';

/** holder: the worker that had it. provider: the one behind the worker. nobody: the request, a third party, or plain bad luck. */
type Blamed = 'holder' | 'provider' | 'nobody';

export interface FailureClass {
  /** now: after the usual backoff. later: not before `waitMs`, which whoever was asked wants. never: the same would fail again. */
  readonly retry: 'now' | 'later' | 'never';
  readonly waitMs: number;
  /** The target was not there at all: it may be starting, so more attempts are worth it. */
  readonly isAway: boolean;
  readonly blames: Blamed;
}

/** Longer waits are not believed. */
const MOST_WAIT_MS = 300_000;

/** Whom a failure that may pass speaks against. Codes that are not here blame nobody. */
const BY_CODE: Readonly<Partial<Record<Code, Blamed>>> = {
  unavailable: 'holder',
  internal: 'holder',
  unknown: 'holder',
  data_loss: 'holder',
  deadline_exceeded: 'holder',
};

/** Where the reason knows more than its code. */
const BY_REASON: Readonly<Record<string, Blamed>> = {
  PROVIDER_UNAVAILABLE: 'provider',
  // Its rate is a matter of admission, not of health.
  PROVIDER_RATE_LIMITED: 'nobody',
  MODEL_OUTPUT_INVALID: 'nobody',
  SESSION_LOST: 'nobody',
  WORKER_BUSY: 'nobody',
  WORKER_DRAINING: 'nobody',
  WEB_UNREACHABLE: 'nobody',
  WEB_BUSY: 'nobody',
  WEB_SEARCH_FAILED: 'nobody',
};

export function failureClass({ reason, code, retryable, retryAfter }: Failure): FailureClass {
  const name = codeOf(code);
  if (!retryable) return { retry: 'never', waitMs: 0, isAway: false, blames: 'nobody' };
  const waitMs = retryAfter ? Math.min(Math.max(durationMs(retryAfter), 0), MOST_WAIT_MS) : 0;
  const blames = (Object.hasOwn(BY_REASON, reason) ? BY_REASON[reason] : BY_CODE[name]) ?? 'nobody';
  return { retry: waitMs > 0 ? 'later' : 'now', waitMs, isAway: name === 'unavailable', blames };
}
