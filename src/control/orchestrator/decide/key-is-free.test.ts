// Which ends of a direct call leave its idempotency key free, as the table in docs/contracts.md says.
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { CallSpecSchema, type JobFinished, TargetKind } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { PlayedRun } from '../../../../test/support/play-run.ts';
import { failed, failure, methods, responses } from '../../../../test/support/run-scenario.ts';
import { keyIsFree } from './key-is-free.ts';

const WRITE = 'bowline.capability.fs.v1.FsService/Write';
const READ = 'bowline.capability.fs.v1.FsService/Read';
const SANDBOX = 'bowline.capability.sandbox.v1.SandboxService/Run';
const full = failure({ reason: 'JOURNAL_FULL', code: 8, retryable: true });
const denied = failure({ reason: 'PATH_NOT_ALLOWED', code: 7, retryable: false });
const never = (value = full): JobFinished['result'] => ({ case: 'neverStarted', value });

function played(method: string): PlayedRun {
  const target = method === SANDBOX ? TargetKind.WORKER : TargetKind.DEVICE;
  return new PlayedRun({ call: create(CallSpecSchema, { method, target, idempotencyKey: 'k' }) });
}

function ended(method: string, result: JobFinished['result'], keyFree = false): PlayedRun {
  const run = played(method);
  run.apply({ type: 'result', job: 'r1/0/0', epoch: 1, result, keyFree });
  return run;
}

const free = (run: PlayedRun): boolean => keyIsFree(run.run, methods);

test('a key is free only where nothing happened and why may pass', () => {
  expect(free(played(WRITE))).toBe(false);
  expect(free(ended(WRITE, never(), true))).toBe(true);
  expect(free(ended(WRITE, never()))).toBe(false);
  expect(free(ended(WRITE, never(denied)))).toBe(false);
  // It began, so whatever is said of it is its answer.
  expect(free(ended(WRITE, failed({ reason: 'FILE_CHANGED', code: 10, retryable: true }), true))).toBe(false);
  expect(free(ended(WRITE, { case: 'unknown', value: full }, true))).toBe(false);
  expect(free(ended(WRITE, responses(new Uint8Array()), true))).toBe(false);
  // A read changes nothing.
  expect(free(ended(READ, failed({ reason: 'DEADLINE_EXCEEDED', code: 4, retryable: false })))).toBe(true);
  expect(free(ended(READ, failed({ reason: 'FILE_NOT_FOUND', code: 5, retryable: false })))).toBe(false);
});

test('cancelled by its owner it is not begun again; by its deadline it is, when it is certain that nobody began', () => {
  const cancelled = played(SANDBOX);
  cancelled.apply({ type: 'cancel', principal: 'owner', requestId: 'x' });
  expect(free(cancelled)).toBe(false);
  const waited = played(SANDBOX);
  waited.ring('deadline');
  expect(waited.run.phase).toBe('timed_out');
  expect(free(waited)).toBe(true);
  // A device may have it, until it has said otherwise.
  const away = played(WRITE);
  away.ring('deadline');
  expect(free(away)).toBe(false);
  away.apply({ type: 'result', job: 'r1/0/0', epoch: 1, result: never(), keyFree: true });
  expect(free(away)).toBe(true);
});
