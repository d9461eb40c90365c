import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { RunSubmittedSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { PlayedRun } from '../../../../test/support/play-run.ts';
import { failed, methods, said } from '../../../../test/support/run-scenario.ts';
import { decide } from '../decide/decide.ts';
import { jobWaits, waitsFor } from './waits-for.ts';

test('what a run waits for can always be told', () => {
  const told: string[] = [];
  const run = new PlayedRun({ recipients: ['rules'] });
  const tell = () => told.push(waitsFor(run.run, run.at));
  tell();
  run.result('0/0', failed({ reason: 'PROVIDER_UNAVAILABLE', code: 14, retryable: true, retryAfter: { seconds: 9n } }));
  tell();
  run.ring('0/0/retry/2');
  run.apply({ type: 'attemptStarted', job: 'r1/0/0', epoch: 2, targetName: 'worker w1 (rules)' });
  tell();
  run.result('0/0', said({ calls: [{ name: 'fs_write', args: { path: 'a', text: 'b' } }] }));
  tell();
  run.apply({ type: 'received', job: 'r1/0/1', epoch: 1 });
  tell();
  run.apply({ type: 'cancel', principal: 'owner', requestId: 'x' });
  tell();
  run.ring('0/1/cancel');
  tell();
  expect(told).toEqual([
    'Waits for a worker that takes llm.Chat; its content may go to rules only.',
    'Waits for the next attempt of llm.Chat in 9 s (the last one failed: PROVIDER_UNAVAILABLE).',
    'Waits for the worker w1 (rules) to finish llm.Chat (attempt 2).',
    'Waits for the device kitchen-pi to take fs.Write.',
    'Waits for the device kitchen-pi to finish fs.Write.',
    'The run has ended, but something is not settled: the device kitchen-pi to tell what became of fs.Write, which was stopped (CANCELED).',
    'Nothing: the run has ended.',
  ]);
});

test('a run in line says so', () => {
  const submitted = create(RunSubmittedSchema, { run: 'r1', tenant: 't1', conversation: 'c1' });
  const { state } = decide(undefined, { type: 'submit', at: 0, submitted }, methods);
  expect(waitsFor(state!, 0)).toBe('Waits for the run before it in its conversation.');
  expect(jobWaits(state!, 0)).toEqual([]);
});
