// Runs the JobQueue suite on the in-memory adapter.
import { silentLogger } from '../../src/base/logger.ts';
import { MemoryQueueHub } from '../../src/control/queue/memory-queue.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { jobQueueSuite } from './job-queue.suite.ts';

jobQueueSuite('the in-memory queue', async () => {
  const clock = new ManualClock();
  const hub = new MemoryQueueHub(clock, silentLogger, { lockMs: 1_000 });
  const [first, second] = [hub.connect(), hub.connect()];
  return {
    first,
    second,
    lapseLocks: async () => clock.advance(2_001),
    dispose: async () => {
      await first.close();
      await second.close();
    },
  };
});
