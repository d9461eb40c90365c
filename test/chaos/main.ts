// `make chaos [SEEDS=50] [SEED=n]`: plays so many seeds, or one again. Exit code 1 when one failed.
import { chaos } from './chaos.ts';
import { CLUSTER } from './plan.ts';

const { SEED, SEEDS, FIRST } = process.env;
const first = Number(SEED || FIRST || 1 + Math.floor(Math.random() * 1e6));
const count = SEED ? 1 : Number(SEEDS || 50);
if (!Number.isInteger(first) || !Number.isInteger(count) || count < 1) {
  console.error('usage: make chaos [SEEDS=50] [SEED=number]');
  process.exit(2);
}
const seeds = Array.from({ length: count }, (_, n) => first + n);
const { played, faults, failed } = await chaos({ shape: CLUSTER, seeds, print: (line) => console.log(line) });
const verdict = failed.length === 0 ? 'all passed' : `${failed.length} failed: ${failed.join(', ')}`;
console.log(`${played} seeds, ${faults} faults: ${verdict}`);
process.exit(failed.length === 0 ? 0 : 1);
