// A worker with the real loop whose model takes the same time for each answer, whatever it is asked.
import { setTimeout as wait } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { ChatResponseSchema, FinishReason, LlmService } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { newId } from '../../../src/base/ids.ts';
import { silentLogger } from '../../../src/base/logger.ts';
import { splitKey } from '../../../src/base/pin.ts';
import { Secret } from '../../../src/base/secret.ts';
import { joinText } from '../../../src/worker/handlers/llm/llm-handler.ts';
import { defineHandler } from '../../../src/worker/kit/handler.ts';
import { WorkLoop } from '../../../src/worker/loop/work-loop.ts';
import { grpcConnector } from '../../../src/worker/loop/worker-transport.ts';
import { serveAgent } from '../harness/agent.ts';

serveAgent({
  connect: async ({ url, key: text, slots, ms }: { url: string; key: string; slots: number; ms: number }) => {
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
    const { key, pin } = splitKey(text);
    const secret = new Secret(key);
    const loop = new WorkLoop({
      name: 'steady',
      slots,
      handlers: [model],
      connect: () => grpcConnector({ control: url, key: secret, pins: pin ? [pin] : [] })(),
      clock: systemClock,
      log: silentLogger,
      bootId: newId(),
    });
    await loop.ready;
  },
});
