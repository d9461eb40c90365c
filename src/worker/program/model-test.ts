// Asks a model one tiny question, to see whether address, key and name are right. Sends no file and offers no tool.
import { create } from '@bufbuild/protobuf';
import { ChatRequestSchema, Role } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { ChatDriver } from '../handlers/llm/chat-driver.ts';
import { loneContext } from '../kit/lone-context.ts';

export interface ModelTest {
  readonly provider: string;
  readonly model: string;
  readonly local: boolean;
  readonly firstMs: number;
  readonly totalMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** At most 200 characters. */
  readonly answer: string;
}

/** One chat of at most `timeoutMs` (60 s). Throws what the driver throws, DEADLINE_EXCEEDED. */
export async function testModel(driver: ChatDriver, clock: Clock, timeoutMs = 60_000): Promise<ModelTest> {
  const request = create(ChatRequestSchema, {
    messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value: 'Hello' } }] }],
    maxOutputTokens: 64,
  });
  const over = new AbortController();
  const deadline = new AbortController();
  void sleep(clock, timeoutMs, over.signal).then(() => {
    if (!over.signal.aborted) deadline.abort(new AppError('DEADLINE_EXCEEDED', { after: `${timeoutMs} ms` }));
  });
  const context = loneContext({ signal: deadline.signal, deadline: clock.now() + timeoutMs });
  const start = clock.monotonic();
  let first: number | undefined;
  let answer = '';
  let usage = { inputTokens: 0n, outputTokens: 0n };
  try {
    for await (const { event } of driver.chat(request, context)) {
      first ??= clock.monotonic();
      if (event.case === 'text') answer += event.value.text;
      if (event.case === 'finish' && event.value.usage) usage = event.value.usage;
    }
  } finally {
    over.abort();
  }
  const end = clock.monotonic();
  return {
    provider: driver.info.provider,
    model: driver.info.name,
    local: driver.info.local,
    firstMs: Math.round((first ?? end) - start),
    totalMs: Math.round(end - start),
    inputTokens: Number(usage.inputTokens),
    outputTokens: Number(usage.outputTokens),
    answer: answer.slice(0, 200).toWellFormed(),
  };
}
