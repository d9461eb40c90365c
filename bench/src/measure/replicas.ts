// Runs per second of two replicas on one Postgres and one Redis, each with its edge and its worker, beside one of them alone.
import type { RateResult } from '../harness/load.ts';
import { type Bench, interleave, type Measure, ofRounds, setUp } from '../harness/measure.ts';

const IN_FLIGHT = 50;

const connected = setUp('replicas with edges', async ({ lab }) => {
  const [one, other] = await lab.replicas();
  return Promise.all([lab.pair(one.url, one), lab.pair(other.url, one)]);
});

export const replicas: Measure = {
  name: 'replicas',
  what: `one-job runs per second, ${IN_FLIGHT} in flight, of two replicas and of one`,
  prepare: connected.prepare,
  run: async (bench: Bench) => {
    const pairs = await connected.take(bench);
    const edges = pairs.map(([edge]) => edge);
    const rate = (count: number, ms: number) => async () => {
      const asked = edges.slice(0, count);
      const args = { ask: 'hello', ms, inFlight: IN_FLIGHT / count };
      const each = await Promise.all(asked.map((edge) => edge.call<RateResult>('rate', args)));
      return each.reduce((sum, { perSecond }) => sum + perSecond, 0);
    };
    const sides = (ms: number) => ({ two: rate(2, ms), one: rate(1, ms) });
    await interleave(1, sides(bench.quick ? 1_000 : 5_000));
    const rates = await interleave(bench.quick ? 3 : 5, sides(bench.quick ? 1_200 : 4_000));
    // Others use these replicas too, with workers of their own.
    for (const agent of pairs.flat()) await agent.stop();
    return [
      {
        measure: 'replicas',
        what: `one-job runs, ${IN_FLIGHT} in flight, two replicas`,
        ours: ofRounds('Bowline', 'per s', rates.two),
        peers: [ofRounds('one replica', 'per s', rates.one)],
      },
    ];
  },
};
