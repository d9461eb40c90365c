// Runs the suites of the Bus and of the RateLimiter on the in-memory adapters.
import { silentLogger } from '../../src/base/logger.ts';
import { MemoryBusHub } from '../../src/control/queue/memory-bus.ts';
import { memoryCounters } from '../../src/control/queue/rate-limiter.ts';
import { busSuite } from './bus.suite.ts';
import { rateLimiterSuite } from './rate-limiter.suite.ts';

busSuite('the in-memory bus', async () => {
  const hub = new MemoryBusHub(silentLogger);
  const [first, second] = [hub.connect(), hub.connect()];
  return {
    first,
    second,
    dispose: async () => {
      await first.close();
      await second.close();
    },
  };
});

rateLimiterSuite('the memory', async () => ({ counters: memoryCounters, dispose: async () => {} }));
