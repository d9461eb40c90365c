import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ResponsesSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { AppError } from '../../../base/errors.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { WorkerView } from '../../routing/worker-view.ts';
import type { WorkerSession } from '../session-ports.ts';
import { Circuits } from './circuits.ts';

const worker = (name: string, provider: string) => ({
  name,
  pool: 'default',
  provider,
  packages: [{ package: 'llm' }],
});
const done = { case: 'done', value: create(ResponsesSchema, {}) } as const;
const failed = (error: AppError) => ({ case: 'failure', value: toFailure(error) }) as const;
const away = failed(new AppError('PROVIDER_UNAVAILABLE', { provider: 'openai', problem: 'HTTP 500' }));

test('a provider rests for all its workers, one worker rests alone, and a success ends it', () => {
  const clock = new ManualClock();
  let changes = 0;
  const quiet = { warn: () => {}, info: () => {} };
  const rules = { jobs: 2, windowMs: 1_000, openMs: 100, mostMs: 400 };
  const circuits = new Circuits({ clock, log: quiet, rules, changed: () => changes++ });
  const [a, b, local] = [worker('a', 'openai'), worker('b', 'openai'), worker('c', 'none')];
  let jobs = 0;
  const ends = (who: typeof a, result: Parameters<Circuits['ended']>[1]) =>
    circuits.ended(
      { job: `j${jobs++}`, session: { view: () => who as unknown as WorkerView } as WorkerSession },
      result,
    );
  ends(a, away);
  expect([circuits.restOf(a), circuits.open]).toEqual([undefined, 0]);
  ends(b, away);
  expect(circuits.restOf(a)).toMatchObject({
    phase: 'open',
    reason: 'PROVIDER_UNAVAILABLE',
    who: 'the provider openai',
  });
  expect([circuits.restOf(b)?.phase, circuits.restOf(local), circuits.open, changes]).toEqual([
    'open',
    undefined,
    1,
    1,
  ]);
  clock.advance(100);
  expect([circuits.restOf(a)?.phase, changes]).toEqual(['half-open', 2]);
  ends(a, done);
  expect([circuits.restOf(b), circuits.open, changes]).toEqual([undefined, 0, 3]);

  for (const _ of 'xy') ends(local, failed(new AppError('PROVIDER_REFUSED', { provider: 'p', problem: 'x' })));
  expect([circuits.restOf(local)?.phase, circuits.restOf(a)]).toEqual([undefined, undefined]);
  const broken = { case: 'failure', value: { ...away.value, reason: 'GPU_LOST', code: 13 } } as typeof away;
  for (const _ of 'xy') ends(local, broken);
  expect([circuits.restOf(local)?.who, circuits.restOf(a)]).toEqual(['it', undefined]);
});
