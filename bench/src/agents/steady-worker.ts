// A worker with the real loop whose model takes the same time for each answer, whatever it is asked.
import { setTimeout as wait } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { ChatResponseSchema, FinishReason, LlmService } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { joinText } from '../../../src/worker/handlers/llm/llm-handler.ts';
import { defineHandler } from '../../../src/worker/kit/handler.ts';
import { serveAgent } from '../harness/agent.ts';
import { startRealWorker } from '../harness/real-worker.ts';

serveAgent({
  connect: async ({ url, key, slots, ms }: { url: string; key: string; slots: number; ms: number }) => {
    const model = defineHandler(
      LlmService,
      {
        Chat: async function* (_request, { signal }) {
          await wait(ms, undefined, { signal });
          yield create(ChatResponseSchema, { event: { case: 'text', value: { text: 'done' } } });
          yield create(ChatResponseSchema, { event: { case: 'finish', value: { reason: FinishReason.STOP } } });
        },
      },
      { join: joinText },
    );
    await startRealWorker({ name: 'steady', slots, model, key, url: () => url });
  },
});
