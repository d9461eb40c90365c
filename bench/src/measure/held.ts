// What a transaction that somebody holds open costs: the rows of what is done cannot be vacuumed, and lie before what is due. One server, two
// databases; as many runs pass in each, in one of them under an open transaction.
import { Client } from 'pg';
import { type Bench, interleave, type Measure, ofSamples, setUp } from '../harness/measure.ts';

/** The look for due timers begins so far back; what passed is older than that when it is measured. */
const REST_MS = 16_000;

const stores = setUp('held stores', async ({ lab, quick }) => {
  const runs = quick ? 3_000 : 20_000;
  const [held, free] = [await lab.agent('store'), await lab.agent('store')];
  const urls = [await lab.database('held'), await lab.database('free')] as const;
  await held.call('connect', { url: urls[0] });
  await free.call('connect', { url: urls[1] });
  const holder = new Client({ connectionString: urls[0] });
  await holder.connect();
  lab.onClose(() => holder.end());
  await holder.query('begin isolation level repeatable read');
  await holder.query('select count(*) from run');
  for (const [agent, url] of [
    [held, urls[0]],
    [free, urls[1]],
  ] as const) {
    await agent.call('pass', { runs });
    await vacuum(url);
  }
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  return { held, free, runs };
});

export const heldTransaction: Measure = {
  name: 'held',
  what: 'dispatch under a transaction that is held open',
  prepare: stores.prepare,
  run: async (bench: Bench) => {
    const { held, free, runs } = await stores.take(bench);
    const measure = 'held';
    const rows = [];
    for (const [ability, what] of [
      ['timersLook', 'a look for due timers'],
      ['backlogLook', 'a look for jobs that nobody has'],
      ['latency', 'the two commits of a run'],
    ] as const) {
      const ms = bench.quick ? 400 : 2_000;
      const sides = {
        held: () => held.call<number[]>(ability, { ms }),
        free: () => free.call<number[]>(ability, { ms }),
      };
      await interleave(1, sides);
      const times = await interleave(bench.quick ? 3 : 7, sides);
      rows.push({
        measure,
        what: `${what}, p50, after ${runs} runs under an open transaction`,
        ours: ofSamples('Bowline', 'ms', times.held),
        peers: [ofSamples('none held open', 'ms', times.free)],
      });
    }
    return rows;
  },
};

async function vacuum(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('vacuum analyze');
  } finally {
    await client.end();
  }
}
