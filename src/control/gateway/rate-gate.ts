// Counts calls of the public API by the key that makes them, before anything is done for them. Devices and workers are not counted here: what
// a device asks waits its turn, and is never refused for its number.
import type { Interceptor } from '@connectrpc/connect';
import { RunService } from '../../../gen/bowline/control/v1/run_service_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Rate, RateLimiter } from '../queue/rate-limiter.ts';
import { principalKey } from './call-principal.ts';

/** What is counted, with what it is called in a refusal. */
const COUNTED = { calls: 'calls of one key', asks: 'asks of one key' } as const;

export interface RateGateParts {
  readonly rates: ReadonlyMap<string, Rate>;
  readonly limiter: RateLimiter;
}

export function rateGate({ rates, limiter }: RateGateParts): Interceptor {
  const count = async (name: keyof typeof COUNTED, subject: string): Promise<void> => {
    const ms = await limiter.take(name, subject);
    const rate = rates.get(name);
    if (ms === undefined || !rate) return;
    const limit = `${rate.count} in ${rate.seconds} s`;
    throw new AppError('RATE_EXCEEDED', { what: COUNTED[name], limit, ms, rate: name, retryAfterMs: ms });
  };
  return (next) => async (request) => {
    const principal = request.contextValues.get(principalKey);
    if (principal?.kind === 'owner' && rates.size > 0) {
      const subject = `${principal.tenant}/${principal.id}`;
      await count('calls', subject);
      if (request.method === RunService.method.ask) await count('asks', subject);
    }
    return next(request);
  };
}
