// Each reason, from a run that the real decisions made. Every row of the tables has its case, and its last line is something to do.
import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ExplainRunResponseSchema } from '../../../../gen/bowline/control/v1/run_service_pb.ts';
import { PlayedRun } from '../../../../test/support/play-run.ts';
import { failed, said } from '../../../../test/support/run-scenario.ts';
import { workerView } from '../../../../test/support/worker-view.ts';
import { AppError } from '../../../base/errors.ts';
import { explanationLines } from '../../../cli/explanation-text.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import { explainRun, explainUnreadable } from './explain-run.ts';
import { JOB_WAITS } from './job-waits.ts';
import { RUN_WAITS } from './run-waits.ts';
import type { World } from './wait.ts';

const world = (more: Partial<World> = {}): World => ({
  now: Date.UTC(2026, 0, 1, 1),
  workers: [workerView('w1')],
  devices: new Map([['d1', { connected: true, lastSeen: Date.UTC(2026, 0, 1) }]]),
  before: '',
  poolStartMs: 300_000,
  ...more,
});

const EMPTY = workerView('pool 图形', { pool: '图形', freeSlots: 0, starting: true });

const asked = (text = '发布日期是什么？') => new PlayedRun({ text });
/** It waits for a tool call on its device. */
function called(): PlayedRun {
  const run = asked();
  run.result('0/0', said({ calls: [{ name: 'fs_write', args: { path: '笔记.md', text: 'x' } }] }));
  return run;
}
function play(act: (run: PlayedRun) => void, run = asked()): FoldedRun {
  act(run);
  return run.run;
}
const failsWith = (error: AppError) => (run: PlayedRun) => {
  run.at += 5_000;
  run.result('0/0', failed(toFailure(error)));
};
const BUDGET = { budget: '月度', of: 'default', left: '0', limit: '5', needs: '1', until: '2026-02-01' };
const turn = { job: 'r1/0/0', epoch: 1 } as const;
const call = { job: 'r1/0/1', epoch: 1 } as const;
const START = Date.UTC(2026, 0, 1);

interface Case {
  readonly run: FoldedRun;
  readonly world?: World;
  /** Of this job alone. */
  readonly job?: string;
  readonly says: RegExp;
  readonly act: RegExp;
  readonly since: number;
  readonly never?: boolean;
}

const CASES: Readonly<Record<string, Case>> = {
  BUDGET: {
    run: play((run) => run.result('0/0', failed(toFailure(new AppError('BUDGET_EXCEEDED', BUDGET))))),
    says: /^It has ended, because the budget 月度/,
    act: /`bowline budgets ls`/,
    since: START,
  },
  ENDED: {
    run: play((run) => run.result('0/0', said({ text: '三月三日' }))),
    says: /^It has ended and waits for nothing\.$/,
    act: /`bowline runs show r1`/,
    since: START,
  },
  CONVERSATION_TURN: {
    run: { ...asked().run, phase: 'waiting' },
    world: world({ before: 'r0' }),
    says: /the run before it in its conversation, r0/,
    act: /`bowline runs cancel r0`/,
    since: START,
  },
  NEXT_DECISION: {
    run: { ...asked().run, jobs: new Map() },
    says: /next decision/,
    act: /`bowline runs watch r1`/,
    since: START,
  },
  STOPPING: {
    run: play((run) => {
      run.apply({ type: 'received', ...call });
      run.at += 7_000;
      run.apply({ type: 'cancel', principal: 'device:d1', requestId: 'c' });
    }, called()),
    job: 'r1/0/1',
    says: /being stopped; its device/,
    act: /`bowline runs watch r1`/,
    since: START + 7_000,
  },
  PROVIDER_RATE: {
    run: play(failsWith(new AppError('PROVIDER_RATE_LIMITED', { provider: 'anthropic' }))),
    says: /the provider of the model takes no more calls/,
    act: /`bowline models ls`/,
    since: START + 5_000,
  },
  BACKOFF: {
    run: play(failsWith(new AppError('WORKER_BUSY'))),
    says: /waits before attempt 2/,
    act: /`bowline runs cancel r1`/,
    since: START + 5_000,
  },
  APPROVAL: {
    run: play((run) => {
      run.at += 3_000;
      run.apply({ type: 'held', ...call, leftMs: 60_000 });
    }, called()),
    says: /the owner’s yes on kitchen-pi/,
    act: /^On kitchen-pi, .*`bowline approvals ls`/,
    since: START + 3_000,
  },
  DEVICE_GONE: {
    run: called().run,
    world: world({ devices: new Map() }),
    says: /kitchen-pi, which was removed/,
    act: /`bowline runs cancel r1`/,
    since: START,
    never: true,
  },
  DEVICE_AWAY: {
    run: called().run,
    world: world({ devices: new Map([['d1', { connected: false, lastSeen: START + 9_000 }]]) }),
    says: /kitchen-pi, which is not connected/,
    act: /^On kitchen-pi, start its edge with `bowline edge`/,
    since: START + 9_000,
  },
  ON_DEVICE: {
    run: called().run,
    says: /runs on the device kitchen-pi/,
    act: /`bowline runs cancel r1`/,
    since: START,
  },
  ON_WORKER: {
    run: play((run) => {
      run.at += 2_000;
      run.apply({ type: 'attemptStarted', ...turn, targetName: 'worker 图形一 (rules)' });
    }),
    says: /runs on worker 图形一/,
    act: /`bowline runs cancel r1`/,
    since: START + 2_000,
  },
  NO_WORKER: {
    run: asked().run,
    world: world({ workers: [workerView('嵌入', { packages: [] })] }),
    says: /can ever serve bowline.capability.llm.v1 Chat/,
    act: /`bowline worker --serve llm`/,
    since: START,
    never: true,
  },
  BUSY: {
    run: play((run) => {
      run.at += 4_000;
      run.apply({ type: 'attemptStarted', ...turn, targetName: 'w0' });
      run.at += 1_000;
      run.apply({ type: 'attemptLost', ...turn, why: 'the worker is gone' });
    }),
    world: world({ workers: [workerView('w1', { freeSlots: 0 })] }),
    says: /waits for a free slot/,
    act: /`bowline worker --serve llm`/,
    since: START + 5_000,
  },
  POOL_STARTING: {
    run: asked().run,
    world: world({ now: START + 60_000, workers: [EMPTY] }),
    says: /waits for pool 图形, which has no worker yet and is being started/,
    act: /`bowline workers ls`/,
    since: START,
  },
  POOL_LATE: {
    run: asked().run,
    world: world({ now: START + 360_000, workers: [EMPTY] }),
    says: /has waited 6 min for pool 图形, which does not start/,
    act: /its scaler.*`bowline worker --serve llm`/,
    since: START,
  },
  PREEMPTED: {
    run: play((run) => {
      run.apply({ type: 'attemptStarted', ...turn, targetName: 'w0' });
      run.at += 6_000;
      const why = 'worker 图形一 (rules) gave it back, because it was to leave';
      run.apply({ type: 'attemptLost', ...turn, why, handedBack: 'begun' });
    }),
    world: world({ workers: [workerView('w1', { freeSlots: 0 })] }),
    says: /^worker 图形一 \(rules\) gave it back, .* no failure\..*waits for a free slot/,
    act: /`bowline worker --serve llm`/,
    since: START + 6_000,
  },
  READY: {
    run: asked().run,
    says: /can run now on w1/,
    act: /`bowline status`/,
    since: START,
  },
};

test.each(Object.entries(CASES))('%s is told, since when, with something to do at the end', (reason, one) => {
  const told = create(ExplainRunResponseSchema, explainRun(one.run, one.world ?? world(), one.job));
  expect(told.reason).toBe(reason);
  expect(told.summary).toMatch(one.says);
  expect(told.act).toMatch(one.act);
  expect(Number(told.sinceTime?.seconds) * 1000).toBe(one.since);
  expect(told.jobs.some(({ never }) => never)).toBe(one.never ?? false);
  const lines = explanationLines(told, START + 60_000);
  expect(lines.at(-1)).toMatch(/^what to do: .*`bowline [a-z]/);
});

test('every row of the tables has a case', () => {
  expect([...RUN_WAITS, ...JOB_WAITS].map(({ reason }) => reason).sort()).toEqual(Object.keys(CASES).sort());
});

test('the handbook has every reason', () => {
  const text = readFileSync(new URL('../../../../docs/operations.md', import.meta.url), 'utf8');
  const missing = [...Object.keys(CASES), 'SET_ASIDE'].filter((reason) => !text.includes(`\`${reason}\``));
  expect(missing).toEqual([]);
});

test('one that waits again has a time, and each candidate its reason', () => {
  const backoff = explainRun(CASES.BACKOFF!.run, world());
  expect(Number(backoff.untilTime?.seconds)).toBeGreaterThanOrEqual(START / 1000 + 5);
  const workers = [
    workerView('w1', { freeSlots: 0 }),
    workerView('嵌入', { packages: [] }),
    workerView('w3', { tenants: ['t2'] }),
  ];
  const { jobs = [] } = explainRun(CASES.NO_WORKER!.run, world({ workers }));
  expect(jobs[0]?.candidates?.map(({ name, whyNot }) => `${name} ${whyNot}`)).toEqual([
    'w1 is busy: 0 of 1 slots are free, and the job takes 1',
    '嵌入 does not serve bowline.capability.llm.v1',
  ]);
});

test('of several jobs the one that needs somebody is told first; a job can be asked for alone, also when it has ended', () => {
  const run = asked();
  const read = { name: 'fs_read', args: { path: 'a' } };
  run.result('0/0', said({ calls: [read, read] }));
  run.apply({ type: 'held', job: 'r1/0/2', epoch: 1, leftMs: 60_000 });
  expect(explainRun(run.run, world())).toMatchObject({ reason: 'APPROVAL', summary: /runs on.*yes/ });
  const alone = explainRun(run.run, world(), 'r1/0/1');
  expect([alone.reason, alone.jobs?.length]).toEqual(['ON_DEVICE', 1]);
  expect(explainRun(run.run, world(), 'r1/0/0')).toMatchObject({
    reason: 'ENDED',
    summary: 'The job has ended: done.',
  });
});

test('a run whose history cannot be read says how it goes on', () => {
  expect(explainUnreadable('r1', false, 'it was set aside').act).toContain('`bowline runs retry r1`');
  expect(explainUnreadable('r1', true, 'it was set aside').reason).toBe('ENDED');
});
