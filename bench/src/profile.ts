// `make bench PROFILE=1 [ONLY=one-job|three-jobs|throughput]`: runs that load on the control plane under V8's profiler and
// prints where its time goes. EMBEDDED=1 takes the embedded database.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Lab } from './harness/lab.ts';
import type { RateResult } from './harness/load.ts';
import { summarize, summaryText } from './harness/profile.ts';
import { percentile } from './harness/stats.ts';

const SECONDS = 8;
const folder = fileURLToPath(new URL('../results/', import.meta.url));
const only = process.env.ONLY || 'throughput';
const lab = new Lab();
try {
  const stores = process.env.EMBEDDED ? 'embedded' : 'servers';
  const { edge, inspect } = await lab.newBowline(stores, { inspected: true });
  const ask = only === 'three-jobs' ? 'tool' : only === 'relay' ? 'relay 50000 20' : 'hello';
  const run = async (count: number): Promise<string> => {
    if (only === 'throughput') {
      const { perSecond, latencies } = await edge.call<RateResult>('rate', { ask, count, inFlight: 50 });
      return `${perSecond.toFixed(0)} runs/s, p50 ${percentile(latencies, 50).toFixed(1)} ms`;
    }
    const times = await edge.call<number[]>('latency', { ask, count });
    return `p50 ${percentile(times, 50).toFixed(2)} ms, p95 ${percentile(times, 95).toFixed(2)} ms`;
  };
  // Warm, and a first idea of how many fill the time.
  const count = only === 'relay' ? 4 : only === 'throughput' ? 1_000 : 200;
  await run(count);
  const start = performance.now();
  await run(count);
  const wanted = Math.ceil((count * SECONDS * 1000) / (performance.now() - start));
  const inspector = await inspect();
  let said = '';
  const profile = await inspector.profile(async () => {
    said = await run(wanted);
  });
  inspector.close();
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${only}-${stores}.cpuprofile`);
  writeFileSync(file, JSON.stringify(profile));
  process.stdout.write(`${said} (while it is profiled)\n`);
  process.stdout.write(`${summaryText(`control plane, ${only}, ${stores}`, summarize(profile))}\n${file}\n`);
} finally {
  await lab.close();
}
