// BullMQ's worker: does nothing with each job, up to 100 at once.
import { Worker } from 'bullmq';
import { serveAgent } from '../harness/agent.ts';

serveAgent({
  connect: async ({ port, queue }: { port: number; queue: string }) => {
    const worker = new Worker(queue, async () => 'done', { connection: { host: '127.0.0.1', port }, concurrency: 100 });
    await worker.waitUntilReady();
  },
});
