import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ConversationEventSchema, type RunEvent, RunEventSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { PlayedRun } from '../../../../test/support/play-run.ts';
import { said } from '../../../../test/support/run-scenario.ts';
import { evolveConversation } from './conversation.ts';
import { evolve, fold } from './evolve.ts';

/** An event of a kind that only a newer version knows. */
const newer = (): RunEvent => fromBinary(RunEventSchema, new Uint8Array([0xfa, 0x3f, 0]));

test('an event of an unknown kind throws and leaves the run to a newer replica', () => {
  const { run } = new PlayedRun();
  expect(() => evolve(run, newer())).toThrow(expect.objectContaining({ reason: 'EVENT_UNKNOWN', retryable: true }));
  expect(() => evolve(undefined, newer())).toThrow(expect.objectContaining({ reason: 'EVENT_UNKNOWN' }));
  expect(() => evolveConversation(undefined, create(ConversationEventSchema))).toThrow(
    expect.objectContaining({ reason: 'EVENT_UNKNOWN' }),
  );
});

test('a history that contradicts itself throws', () => {
  const played = new PlayedRun();
  played.result('0/0', said({ text: 'Done.' }));
  const [accepted, started, queued, finished] = played.events;
  const broken = [[started!], [accepted!, accepted!], [accepted!, finished!], [accepted!, queued!, queued!]];
  for (const events of broken)
    expect(() => fold(events)).toThrow(expect.objectContaining({ reason: 'HISTORY_INVALID' }));
  expect(() => evolve(played.run, finished!)).toThrow(expect.objectContaining({ reason: 'HISTORY_INVALID' }));
});

test('folding changes no state in place and copies no payload', () => {
  const played = new PlayedRun();
  const before = played.run;
  const job = before.jobs.get('r1/0/0');
  const result = said({ text: 'x'.repeat(100_000) });
  played.result('0/0', result);
  expect(before.jobs.get('r1/0/0')).toBe(job);
  expect(before.phase).toBe('running');
  expect(played.job('0/0').result?.result.value).toBe(result.value);
});

test('an event is small', () => {
  const played = new PlayedRun({ tools: [] });
  played.result('0/0', said({ text: 'Hello.' }));
  const bytes = played.events.reduce((sum, event) => sum + toBinary(RunEventSchema, event).length, 0);
  expect(bytes).toBeLessThan(900);
});
