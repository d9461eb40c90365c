// A worker with the real loop whose model never comes to an end: every few milliseconds it says the moment, until it is stopped. It
// can be told where to go when its replica is gone, as a balancer would send it.
import { setTimeout as wait } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { ChatResponseSchema, LlmService } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { Channel } from '../../../src/base/channel.ts';
import { joinText } from '../../../src/worker/handlers/llm/llm-handler.ts';
import { defineHandler } from '../../../src/worker/kit/handler.ts';
import { serveAgent } from '../harness/agent.ts';
import { sharedNow } from '../harness/load.ts';
import { startRealWorker } from '../harness/real-worker.ts';

const EVERY_MS = 5;

let url = '';
/** Moments at which handlers were stopped, each until it is asked for. */
const stops = new Channel<number>(1_000);

const model = defineHandler(
  LlmService,
  {
    Chat: async function* (_request, { signal }) {
      signal.addEventListener('abort', () => void stops.offer(sharedNow()), { once: true });
      for (;;) {
        yield create(ChatResponseSchema, { event: { case: 'text', value: { text: `${sharedNow()} ` } } });
        await wait(EVERY_MS, undefined, { signal });
      }
    },
  },
  { join: joinText },
);

serveAgent({
  connect: async (place: { url: string; key: string }) => {
    url = place.url;
    await startRealWorker({ name: 'slow', slots: 4, model, key: place.key, url: () => url });
  },
  /** Where its next session goes. */
  go: ({ to }: { to: string }) => {
    url = to;
  },
  /** When the next handler was stopped that was not told yet. */
  stopped: async () => (await stops.next()).value,
});
