// `make chaos-money [SEEDS=20] [SEED=n]`: plays so many seeds of money, or one again. Exit code 1 when one failed.
import { SpendSite } from './spend.ts';

const { SEED, SEEDS, FIRST } = process.env;
const first = Number(SEED || FIRST || 1);
const count = SEED ? 1 : Number(SEEDS || 20);
if (!Number.isInteger(first) || !Number.isInteger(count) || count < 1) {
  console.error('usage: make chaos-money [SEEDS=20] [SEED=number]');
  process.exit(2);
}
const failed: number[] = [];
let site: SpendSite | undefined;
for (let seed = first; seed < first + count; seed++) {
  console.log(`seed ${seed}`);
  site ??= await SpendSite.start();
  const { wrong, summary } = await site.play(seed, (line) => console.log(line)).catch((error: unknown) => ({ wrong: [String(error)], summary: 'it was not played to its end' })); // biome-ignore format: short
  console.log(`  ${wrong.length === 0 ? 'passed' : 'FAILED'}: ${summary}`);
  if (wrong.length === 0) continue;
  failed.push(seed);
  for (const what of wrong.slice(0, 20)) console.log(`  - ${what}`);
  console.log(`  logs and homes: ${site.cluster.folder}; again: make chaos-money SEED=${seed}`);
  await site.close(true);
  site = undefined;
}
await site?.close();
console.log(`${count} seeds: ${failed.length === 0 ? 'all passed' : `${failed.length} failed: ${failed.join(', ')}`}`);
process.exit(failed.length === 0 ? 0 : 1);
