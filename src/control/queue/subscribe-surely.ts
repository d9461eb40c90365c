// A subscription of the bus that is tried for as long as it takes: whoever wants it does not have to care that the bus is away.
import { fullJitter } from '../../base/backoff.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Bus, BusHandler } from './ports.ts';

export interface Subscribed {
  unsubscribe(): Promise<void>;
  /** It was not taken at the first try: what was sent meanwhile did not arrive. */
  readonly late: boolean;
}

/** Undefined when `signal` aborted before the bus had it; nothing is subscribed then. Throws only what unsubscribing throws. */
export async function subscribeSurely(
  bus: Bus,
  topic: string,
  handler: BusHandler,
  { clock, log, signal }: { clock: Clock; log: Logger; signal: AbortSignal },
): Promise<Subscribed | undefined> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    let unsubscribe: () => Promise<void>;
    try {
      unsubscribe = await bus.subscribe(topic, handler);
    } catch (error) {
      if (attempt === 1) log.warn('the bus takes no subscription yet', { topic, why: String(error) });
      await sleep(clock, fullJitter(attempt, 100, 5_000), signal);
      continue;
    }
    if (!signal.aborted) return { unsubscribe, late: attempt > 1 };
    await unsubscribe();
  }
  return undefined;
}
