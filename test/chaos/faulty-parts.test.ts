// Asks and calls over two replicas whose every call of store, queue and bus may fail, hang, or succeed and then report a
// timeout: nothing is lost, nothing doubled, nothing stuck. BOWLINE_CHAOS_SEEDS plays other seeds.
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { edgeCapabilities } from '../../src/contract/capabilities.ts';
import { MethodRegistry } from '../../src/contract/registry.ts';
import { workerCapabilities } from '../../src/contract/worker-capabilities.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { journals } from './edge-checks.ts';
import { FaultySite } from './faulty-site.ts';
import { Load } from './load.ts';
import { Model } from './model.ts';
import { planOf, SPAN_MS } from './plan.ts';
import { effectsOf, Truth } from './truth.ts';

const SEEDS = (process.env.BOWLINE_CHAOS_SEEDS ?? '3').split(',').map(Number);
const QUIET_MS = 75_000;
const LONGEST_MS = 25_000;
const methods = new MethodRegistry([...edgeCapabilities, ...workerCapabilities]);

/** How often a call was hit by a fault so far. */
function hits(site: FaultySite, call: string): number {
  const counts = site.played().get(call);
  return counts ? counts.fail + counts.timeout + counts.hang : 0;
}

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(() => postgres?.stop(), 60_000);

test.each(SEEDS)(
  'with seed %i nothing is lost, doubled or stuck while calls fail, hang and time out',
  async (seed) => {
    const site = await FaultySite.start(postgres, seed);
    const truth = await Truth.open(site.databaseUrl);
    try {
      const model = new Model();
      const load = new Load(site, model);
      const { deeds } = planOf(seed, { controls: 2, workers: 1, edges: 1, redis: false });
      const doing = Promise.all(deeds.map((deed) => wait(deed.atMs).then(() => load.do(deed))));
      // On a busy machine it takes longer until enough was hit.
      const end = performance.now() + LONGEST_MS;
      await wait(SPAN_MS);
      while (hits(site, 'store.commit') < 2 && performance.now() < end) await wait(50);
      site.heal();
      await doing;
      const left = (await truth.quiet(site, QUIET_MS)).map((what) => `still outstanding: ${what}`);
      const wrong = [...left, ...load.wrong, ...model.judge(await truth.fresh(), effectsOf(site), methods)];
      wrong.push(...(await journals(site)));
      expect(wrong, site.lines.slice(-200).join('')).toEqual([]);
      expect(model.asks.filter(({ ended }) => ended?.state === 'answered').length).toBeGreaterThan(0);
      const calls = [...site.played()].map(([call, { none, ...hit }]) => {
        const bad = hit.fail + hit.timeout + hit.hang;
        return `${call} ${bad} of ${none + bad}`;
      });
      expect(site.sqlErrors.size).toBeGreaterThan(5);
      console.log(`seed ${seed}, calls that were hit: ${calls.join(', ')}`);
      for (const call of ['store.commit', 'outbox.check', 'leases.renew', 'timers.due'])
        expect(hits(site, call), call).toBeGreaterThan(0);
    } finally {
      await truth.close();
      await site.close();
    }
  },
  300_000,
);
