import { expect, test } from 'vitest';
import { openTimers } from '../../src/control/orchestrator/decide/open-timers.ts';
import type { FoldedJob, FoldedRun } from '../../src/control/orchestrator/run/state.ts';
import { illegalOutstanding, illegalState, illegalStep, openDispatches } from './legal.ts';
import { PlayedRun } from './play-run.ts';
import { methods, said } from './run-scenario.ts';

const withJob = (run: FoldedRun, change: Partial<FoldedJob>): FoldedRun => {
  const [id, job] = [...run.jobs][0]!;
  return { ...run, jobs: new Map(run.jobs).set(id, { ...job, ...change }) };
};

test('each rule finds what breaks it', () => {
  const { run } = new PlayedRun();
  expect(illegalState(run, methods)).toEqual([]);
  const broken: FoldedRun[] = [
    { ...run, jobs: new Map() },
    { ...run, phase: 'answered' },
    { ...run, limits: { ...run.limits, maxJobs: 0 } },
    { ...run, limits: { ...run.limits, maxSteps: 0 } },
    withJob(run, { epoch: 2 }),
    withJob(run, { settled: [1, 1] }),
    withJob(run, { settled: [9] }),
    withJob(run, { endedAt: 5 }),
    withJob(run, { device: 'd1' }),
    withJob(run, { failures: 7, epoch: 8 }),
    withJob(run, { id: 'r1/9/9' }),
  ];
  for (const each of broken) expect(illegalState(each, methods)).not.toEqual([]);
});

test('a step back is found', () => {
  const played = new PlayedRun();
  const before = played.run;
  played.result('0/0', said({ text: 'Done.' }));
  const after = played.run;
  const events = played.events.slice(-2);
  expect(illegalStep(before, after, events)).toEqual([]);
  expect(illegalStep(after, before, [])).not.toEqual([]);
  expect(illegalStep(after, withJob(after, { phase: 'failed' }), [])).toEqual(['the end of r1/0/0 is final']);
  expect(illegalStep(after, withJob(after, { epoch: 0 }), [])).toEqual(['the epoch of r1/0/0 went back']);
});

test('what is outstanding and not recorded is found, and the other way round', () => {
  const { run } = new PlayedRun();
  const outbox = new Set(openDispatches(run).map((row) => row.dispatchId));
  const timers = new Set(openTimers(run).map((timer) => timer.id));
  expect(illegalOutstanding(run, outbox, timers)).toEqual([]);
  expect(illegalOutstanding(run, new Set(), new Set())).toHaveLength(2);
  expect(illegalOutstanding(run, new Set([...outbox, 'x']), new Set([...timers, 'y']))).toHaveLength(2);
});
