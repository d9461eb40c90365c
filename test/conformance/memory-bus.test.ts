// Runs the Bus suite on the in-memory adapter.
import { silentLogger } from '../../src/base/logger.ts';
import { MemoryBusHub } from '../../src/control/queue/memory-bus.ts';
import { busSuite } from './bus.suite.ts';

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
