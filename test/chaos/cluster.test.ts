// A part of `make chaos`: real programs on Postgres and Redis, killed, stopped, cut off and restarted by fixed seeds while
// asks and calls go on; nothing is lost, nothing doubled, nothing stuck. BOWLINE_CHAOS_SEEDS plays others: "16" or "7,8,9".
import { expect, test } from 'vitest';
import { chaos } from './chaos.ts';
import { CLUSTER } from './plan.ts';

const GIVEN = process.env.BOWLINE_CHAOS_SEEDS;
const SEEDS = GIVEN ? GIVEN.split(',').map(Number) : Array.from({ length: 3 }, (_, n) => n + 1);
/** No seed is begun later, so that a slow machine plays fewer of them. */
const WITHIN_MS = 120_000;

test(`nothing is lost, doubled or stuck with the seeds ${SEEDS.join(', ')}`, async () => {
  const lines: string[] = [];
  const print = (line: string) => {
    lines.push(line);
    console.log(line);
  };
  const { played, faults, failed } = await chaos({ shape: CLUSTER, seeds: SEEDS, print, withinMs: WITHIN_MS });
  console.log(`${played} of ${SEEDS.length} seeds, ${faults} faults`);
  expect(failed, lines.join('\n')).toEqual([]);
  expect(played).toBeGreaterThan(0);
}, 900_000);
