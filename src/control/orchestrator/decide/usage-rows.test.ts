import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { RunEventSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { FoldedRun } from '../run/state.ts';
import { usageRows } from './usage-rows.ts';

const job = { id: 'r/0/0', method: 'bowline.capability.llm.v1.LlmService/Chat' };
const run = {
  id: 'r',
  conversation: '',
  device: 'd',
  principal: 'device:d',
  jobs: new Map([['r/0/0', job]]),
} as unknown as FoldedRun;

const rowsOf = (...events: NonNullable<MessageInitShape<typeof RunEventSchema>['event']>[]) =>
  usageRows(
    run,
    events.map((event) => create(RunEventSchema, { event })),
  );

test('each attempt that was charged is a row, whatever came of it, with the model that its worker told', () => {
  const usage = { inputTokens: 3n, outputTokens: 2n, cachedInputTokens: 1n, costMicros: 7n, estimated: true };
  const model = { provider: '甲', name: 'm\0' };
  const rows = rowsOf(
    { case: 'attemptFailed', value: { job: job.id, epoch: 1n, usage: { ...usage, model } } },
    { case: 'lateResult', value: { job: job.id, epoch: 2n, usage } },
    { case: 'jobFinished', value: { job: job.id, epoch: 3n, result: { case: 'failure', value: {} }, usage } },
    { case: 'jobFinished', value: { job: job.id, epoch: 4n, usage: {} } },
    { case: 'lateResult', value: { job: job.id, epoch: 5n } },
  );
  const row = { run: 'r', job: job.id, method: job.method, conversation: null, device: 'd', principal: 'device:d' };
  const counts = { inputTokens: 3, outputTokens: 2, cachedTokens: 1, costMicros: 7, estimated: true };
  expect(rows).toEqual([
    { ...row, ...counts, epoch: 1, provider: '甲', model: 'm' },
    { ...row, ...counts, epoch: 2, provider: '', model: '' },
    { ...row, ...counts, epoch: 3, provider: '', model: '' },
  ]);
});
