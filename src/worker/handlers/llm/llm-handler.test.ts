import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { ModelInfoSchema } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { loneContext } from '../../kit/lone-context.ts';
import { llmHandler } from './llm-handler.ts';

test('what a finish says was used is reported, and the finish goes on with who answered', async () => {
  const info = create(ModelInfoSchema, { provider: 'p' });
  const finish = create(ChatResponseSchema, { event: { case: 'finish', value: { usage: { outputTokens: 7n } } } });
  const handler = llmHandler({
    defaultModel: 'm',
    drivers: new Map([
      [
        'm',
        {
          info,
          async *chat() {
            yield finish;
          },
        },
      ],
    ]),
    close: async () => {},
  });
  const reported: unknown[] = [];
  const context = loneContext({ report: (usage) => void reported.push(usage) });
  const said: ChatResponse[] = [];
  const answer = handler.methods.Chat!(create(ChatRequestSchema), context) as AsyncIterable<ChatResponse>;
  for await (const response of answer) said.push(response);
  expect(reported).toMatchObject([{ outputTokens: 7n }]);
  expect(said).toMatchObject([{ event: { case: 'finish', value: { model: { provider: 'p' } } } }]);
});
