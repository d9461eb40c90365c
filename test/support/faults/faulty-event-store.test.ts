import { expect, test } from 'vitest';
import type { CommitUnit, EventStore } from '../../../src/control/store/unit.ts';
import { FaultyEventStore } from './faulty-event-store.ts';

const unit = {} as CommitUnit;

/** Counts what reaches it. */
function counting(): EventStore & { commits: number } {
  return {
    commits: 0,
    async commit() {
      this.commits++;
      return { status: 'committed', at: 0 };
    },
    outcome: async () => undefined,
    load: async () => ({ version: 0, events: [] }),
  };
}

async function play(plan: ConstructorParameters<typeof FaultyEventStore>[1], commits: number) {
  const inner = counting();
  const faulty = new FaultyEventStore(inner, plan);
  const outcomes: string[] = [];
  for (let n = 0; n < commits; n++) {
    const commit = faulty.commit(unit);
    faulty.release();
    outcomes.push(await commit.then((result) => result.status).catch((error) => error.metadata.problem));
  }
  return { inner, faulty, outcomes };
}

test('the same seed plays the same faults, another seed others', async () => {
  const plan = { seed: 7, failBefore: 0.3, hang: 0.2, commitThenTimeout: 0.3 };
  const first = await play(plan, 100);
  expect((await play(plan, 100)).outcomes).toEqual(first.outcomes);
  expect((await play({ ...plan, seed: 8 }, 100)).outcomes).not.toEqual(first.outcomes);
  expect(new Set(first.outcomes).size).toBe(4);
  // Only commits that fail before or hang never reach the store.
  expect(first.inner.commits).toBe(first.faulty.played.none + first.faulty.played.commitThenTimeout);
});

test('without shares nothing happens, with a full share always', async () => {
  expect(new Set((await play({ seed: 1 }, 20)).outcomes)).toEqual(new Set(['committed']));
  const lost = await play({ seed: 1, commitThenTimeout: 1 }, 20);
  expect([lost.inner.commits, new Set(lost.outcomes).size]).toEqual([20, 1]);
});
