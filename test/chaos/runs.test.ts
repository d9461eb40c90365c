// Every accepted ask ends in one answer, on two replicas over a store whose commits fail or lose their answers.
import { expect, test } from 'vitest';
import { fold } from '../../src/control/orchestrator/run/evolve.ts';
import { readRunEvent } from '../../src/control/orchestrator/service/event-codec.ts';
import { ChaosRuns } from '../support/chaos-runs.ts';
import { illegalState } from '../support/legal.ts';
import { methods } from '../support/run-scenario.ts';

const SEEDS = (process.env.BOWLINE_SEEDS ?? '1,2,3,4,5,6').split(',').map(Number);

test.each(SEEDS)('with seed %i every accepted ask ends once, one at a time in its conversation', async (seed) => {
  const chaos = new ChaosRuns(seed);
  for (let round = 0; round < 20; round++) {
    await chaos.play(20);
    expect(chaos.together()).toEqual([]);
  }
  await chaos.settle();
  const { store } = chaos;
  expect(store.outbox.size + store.timers.size).toBe(0);
  expect(chaos.accepted.size).toBeGreaterThan(10);
  for (const { run } of chaos.asks) {
    const { events } = await store.load('t1', run);
    const state = fold(events.map(readRunEvent));
    expect(state && illegalState(state, methods)).toEqual([]);
    expect(state?.outcome).toBeDefined();
    expect(events.filter(({ type }) => type === 'ended')).toHaveLength(1);
    expect(store.runs.get(run)).toMatchObject({ state: state?.phase, answer: state?.outcome?.answer });
    for (const job of state?.jobs.values() ?? []) expect(store.jobs.get(job.id)?.state).toBe(job.phase);
  }
  for (const row of store.conversations.values()) expect(row).toMatchObject({ activeRun: null, waiting: [] });
});
