import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ResponsesSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { JobResultSchema } from '../../../../gen/bowline/worker/v1/worker_pb.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { AppError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/logger.ts';
import type { UntimedCommand } from '../../orchestrator/decide/run-commands.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import type { StoredOutboxRow } from '../../store/outbox.ts';
import { Attempts } from '../attempts/attempts.ts';
import type { WorkerSession } from '../session-ports.ts';
import { Settler } from './settler.ts';

function start(failures: AppError[]) {
  const clock = new ManualClock();
  const commands: string[] = [];
  const told: string[] = [];
  const runs = {
    async command(_tenant: string, _run: string, request: UntimedCommand) {
      const what = request.type === 'result' ? `result ${request.result.case}` : request.type;
      const failure = failures.shift();
      if (failure) throw failure;
      commands.push(what);
      return 'applied' as const;
    },
  } as unknown as Orchestrator;
  const session = {
    bootId: 'boot',
    view: () => ({ name: 'w1', provider: 'rules' }),
    committed: (id: string) => told.push(id),
  } as unknown as WorkerSession;
  const attempts = new Attempts();
  const settler = new Settler({ runs, clock, log: silentLogger, attempts });
  attempts.onRemoved(() => told.push('removed'));
  const row = { tenant: 't', run: 'r', job: 'r/0/0', epoch: 1, dispatchId: 'r/0/0-1' } as StoredOutboxRow;
  const attempt = attempts.add(row, session, undefined);
  const done = { case: 'done', value: create(ResponsesSchema, {}) } as const;
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, commands, told, attempts, settler, attempt, done, settle };
}

const away = () => new AppError('STORE_UNAVAILABLE', { problem: 'test' });
const refused = () => new AppError('STORE_REFUSED', { problem: 'test' });

test('a result is repeated until the store has it, and acknowledged only then', async () => {
  const { clock, commands, told, attempts, settler, attempt, done, settle } = start([away(), away(), away()]);
  const settled = settler.settle(attempt, done);
  await settle();
  expect([told, attempts.size]).toEqual([[], 1]);
  for (let i = 0; i < 3; i++) {
    clock.advance(10_000);
    await settle();
  }
  await settled;
  expect([commands, told, attempts.size]).toEqual([['result done'], ['r/0/0-1', 'removed'], 0]);
});

test('a result that the store will never take ends the job with the error, so that it does not come again', async () => {
  const { commands, told, settler, attempt, done } = start([refused()]);
  await settler.settle(attempt, done);
  expect([commands, told]).toEqual([['result failure'], ['r/0/0-1', 'removed']]);
});

test('what the store takes in no form is not acknowledged: the job goes on as lost', async () => {
  const { commands, told, attempts, settler, attempt, done } = start([refused(), refused()]);
  await settler.settle(attempt, done);
  expect([commands, told, attempts.size]).toEqual([['attemptLost'], ['removed'], 0]);
});

test('a usage that the store does not take costs the usage, not the end of the job', async () => {
  const { commands, told, settler, attempt, done } = start([refused(), refused()]);
  await settler.settle(attempt, done, create(JobResultSchema, { usage: { inputTokens: 1n } }));
  expect([commands, told]).toEqual([['result failure'], ['r/0/0-1', 'removed']]);
});

test('an attempt that was settled counts as sent; one that no worker had does not', async () => {
  const { attempts, settler, attempt, done } = start([]);
  attempts.unsent(attempt);
  expect(attempts.wasSent('r/0/0-1')).toBe(false);
  await settler.settle(attempt, done);
  expect(attempts.wasSent('r/0/0-1')).toBe(true);
});

test('a second result of one attempt changes nothing', async () => {
  const { commands, settler, attempt, done } = start([]);
  await Promise.all([settler.settle(attempt, done), settler.settle(attempt, done)]);
  expect(commands).toEqual(['result done']);
});

test('stopped while the store is away, it neither acknowledges nor forgets', async () => {
  const { told, attempts, settler, attempt, done, settle } = start([away()]);
  const settled = settler.settle(attempt, done);
  await settle();
  settler.stop();
  await settled;
  expect([told, attempts.size]).toEqual([[], 1]);
});

test('a lost attempt leaves the hand at once, also when that cannot be recorded, and its late result is known', async () => {
  const { attempts, settler, attempt } = start([away()]);
  await settler.lose(attempt, 'gone');
  expect([attempts.size, attempts.former('r/0/0-1')]).toEqual([0, attempt]);
});
