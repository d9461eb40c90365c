// What a handler is given when it runs outside of a job: in `models test`, in tests and benchmarks.
import { systemClock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { silentLogger } from '../../base/logger.ts';
import type { HandlerContext } from './handler.ts';
import { noSpans } from './spans.ts';

/** A context that tells nobody anything; calls of other workers are refused with CHILD_REFUSED. */
export function loneContext(more: Partial<HandlerContext> = {}): HandlerContext {
  return {
    signal: new AbortController().signal,
    deadline: systemClock.now() + 60_000,
    log: silentLogger,
    idempotencyKey: '',
    tenant: '',
    attempt: 1,
    progress: () => {},
    span: noSpans,
    report: () => {},
    call: async (method) => {
      throw new AppError('CHILD_REFUSED', { method: method.name, why: 'there is no run here' });
    },
    ...more,
  };
}
