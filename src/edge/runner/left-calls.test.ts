import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { IntentSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { RecordInit } from '../journal/records.ts';
import { type LeftCallsParts, settleLeftCalls } from './left-calls.ts';

test('a call that stood in two places when the process ended came to one end', async () => {
  const appended: RecordInit[] = [];
  const intent = (idempotencyKey: string) => create(IntentSchema, { idempotencyKey, job: `${idempotencyKey}/0/1` });
  const journal = {
    append: async (records: readonly RecordInit[]) => {
      appended.push(...records);
    },
    calls: { pullDropped: () => {}, blobs: () => [], orphans: () => [], get: () => undefined },
  } as unknown as LeftCallsParts['journal'];
  const inHand = { left: [intent('a'), intent('b'), intent('a')] };
  const blobs = { keep: async () => {} } as unknown as LeftCallsParts['blobs'];
  expect(await settleLeftCalls({ journal, blobs, bootId: 'boot', inHand, commitEnds: new Map() })).toEqual({
    unknown: 0,
    free: 2,
  });
  expect(appended.map((record) => record.case === 'toolOutcome' && record.value.job)).toEqual(['a/0/1', 'b/0/1']);
});
