// What growth costs: the commits of a run in a store of a million events beside an empty one on the same server, and how many
// bytes a real run leaves in the database.
import { Client } from 'pg';
import type { RateResult } from '../harness/load.ts';
import { type Bench, interleave, type Measure, ofRounds, ofSamples, setUp } from '../harness/measure.ts';

const stores = setUp('stores', async ({ lab, quick }) => {
  const [empty, full] = [await lab.agent('store'), await lab.agent('store')];
  const url = await lab.database('full');
  await empty.call('connect', { url: await lab.database('empty') });
  await full.call('connect', { url });
  await full.call('fill', { url, events: quick ? 200_000 : 1_000_000 });
  await ask(url, 'vacuum analyze');
  await ask(url, 'checkpoint');
  return { empty, full, stored: Number(await ask(url, 'select count(*) from events')) };
});

export const storeGrowth: Measure = {
  name: 'store',
  what: 'the next event in a large store; bytes of a run',
  prepare: stores.prepare,
  run: async (bench: Bench) => {
    const { lab, quick } = bench;
    const { empty, full, stored } = await stores.take(bench);
    const sides = (ms: number) => ({
      full: () => full.call<number[]>('latency', { ms }),
      empty: () => empty.call<number[]>('latency', { ms }),
    });
    await interleave(1, sides(quick ? 400 : 2_500));
    const times = await interleave(quick ? 3 : 7, sides(quick ? 800 : 2_500));

    const { edge, database = '' } = await lab.bowline('servers');
    const size = async () => Number(await ask(database, 'select pg_database_size(current_database())'));
    const before = await size();
    const { count } = await edge.call<RateResult>('rate', { ask: 'hello', ms: quick ? 1_000 : 6_000, inFlight: 50 });
    const bytes = ((await size()) - before) / count;
    const measure = 'store';
    return [
      {
        measure,
        what: `the two commits of a run, p50, ${stored} events stored`,
        ours: ofSamples('Bowline', 'ms', times.full),
        peers: [ofSamples('empty store', 'ms', times.empty)],
        budget: { atMost: 1.1 },
      },
      { measure, what: 'database bytes of a one-job run', ours: ofRounds('Bowline', 'bytes', [bytes]), peers: [] },
    ];
  },
};

/** The first field of the first row. */
async function ask(url: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return Object.values(rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}
