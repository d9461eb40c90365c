// BullMQ's producer: adds a job and waits until it has finished, told by QueueEvents. bullmq-worker.ts does nothing with it in a
// process of its own.
import { Queue, QueueEvents } from 'bullmq';
import { serveAgent } from '../harness/agent.ts';
import { type LatencyArgs, latencies, type RateArgs, rate } from '../harness/load.ts';

let add = async (): Promise<unknown> => {
  throw new Error('not connected');
};

serveAgent({
  connect: async ({ port, queue: name }: { port: number; queue: string }) => {
    const connection = { host: '127.0.0.1', port };
    const [queue, events] = [new Queue(name, { connection }), new QueueEvents(name, { connection })];
    await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
    events.setMaxListeners(0);
    add = async () => {
      const job = await queue.add('job', {}, { removeOnComplete: { count: 1_000 } });
      await job.waitUntilFinished(events);
    };
  },
  latency: (args: LatencyArgs) => latencies(() => add(), args),
  rate: (args: RateArgs) => rate(() => add(), args),
});
