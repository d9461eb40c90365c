// `make fuzz [MINUTES=10] [ONLY=name,...] [SEED=n]`: plays all fuzzers in turn, a share of the time each. Exit code 1 when one failed.
import { FUZZERS } from './all.ts';
import { playFuzz } from './fuzz.ts';

const { MINUTES, ONLY, SEED } = process.env;
const minutes = Number(MINUTES || 10);
const seed = SEED ? Number(SEED) : undefined;
const only = ONLY ? ONLY.split(',') : undefined;
const fuzzers = (await Promise.all(FUZZERS.map((load) => load()))).filter(({ name }) => only?.includes(name) ?? true);
if (!(minutes > 0) || (seed !== undefined && !Number.isInteger(seed)) || fuzzers.length === 0) {
  console.error('usage: make fuzz [MINUTES=10] [ONLY=name,...] [SEED=number]');
  process.exit(2);
}

let failed = 0;
for (const fuzz of fuzzers) {
  const first = seed ?? 1 + Math.floor(Math.random() * 1e9);
  const bounds = seed === undefined ? { rounds: Number.POSITIVE_INFINITY } : { rounds: 1 };
  const started = performance.now();
  try {
    const { rounds } = await playFuzz({ fuzz, first, ...bounds, milliseconds: (minutes * 60_000) / fuzzers.length });
    console.log(
      `${fuzz.name}: ${rounds} rounds from seed ${first} in ${Math.round((performance.now() - started) / 1000)} s`,
    );
  } catch (error) {
    failed += 1;
    console.log(`${fuzz.name}: FAILED`, error);
  }
}
console.log(failed === 0 ? `${fuzzers.length} fuzzers: all passed` : `${fuzzers.length} fuzzers: ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
