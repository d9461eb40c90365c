// `make bench PROFILE=1 [ONLY=one-job|three-jobs|throughput|relay]`: runs that load on the control plane under V8's profiler and
// prints where its time goes. EMBEDDED=1 takes the embedded database.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpuMs } from './harness/cpu.ts';
import { Lab } from './harness/lab.ts';
import type { RateResult } from './harness/load.ts';
import { summarize, summaryText } from './harness/profile.ts';
import { percentile } from './harness/stats.ts';

const WARM_MS = 4_000;
const PROFILED_MS = 8_000;
/** Of the processes of a Bowline, in the order of their ids. */
const roles = ['control plane', 'edge', 'worker', 'Postgres', 'Redis'];
const folder = fileURLToPath(new URL('../results/', import.meta.url));
const only = process.env.ONLY || 'throughput';
const lab = new Lab();
try {
  const stores = process.env.EMBEDDED ? 'embedded' : 'servers';
  const { edge, worker, inspect, pids } = await lab.newBowline(stores, { inspected: true });
  const ask = only === 'three-jobs' ? 'tool' : only === 'relay' ? 'relay 50000 20' : 'hello';
  const run = async (ms: number): Promise<string> => {
    if (only === 'throughput') {
      const { perSecond, latencies } = await edge.call<RateResult>('rate', { ask, ms, inFlight: 50 });
      return `${perSecond.toFixed(0)} runs/s, p50 ${percentile(latencies, 50).toFixed(1)} ms`;
    }
    const times = await edge.call<number[]>('latency', { ask, ms });
    return `p50 ${percentile(times, 50).toFixed(2)} ms, p95 ${percentile(times, 95).toFixed(2)} ms`;
  };
  /** The way of a one-job run, seen from its ends. */
  const stages = async (): Promise<string> => {
    await worker.call('moments');
    const runs = await edge.call<{ start: number; accepted: number; end: number }[]>('trace', { ask, ms: WARM_MS });
    const jobs = await worker.call<{ job: number; result: number }[]>('moments');
    const p50 = (of: (run: (typeof runs)[number], job: (typeof jobs)[number]) => number) =>
      percentile(
        runs.flatMap((run, i) => (jobs[i] ? [of(run, jobs[i])] : [])),
        50,
      ).toFixed(2);
    return [
      `a run at the median of ${runs.length}, in ms:`,
      `  ask sent -> job at the worker     ${p50(({ start }, { job }) => job - start)}`,
      `  job at the worker -> result sent  ${p50((_, { job, result }) => result - job)}`,
      `  result sent -> end at the edge    ${p50(({ end }, { result }) => end - result)}`,
      `  ask sent -> ask accepted          ${p50(({ start, accepted }) => accepted - start)}`,
      `  ask sent -> end at the edge       ${p50(({ start, end }) => end - start)}`,
    ].join('\n');
  };
  await run(WARM_MS);
  if (only === 'one-job') process.stdout.write(`${await stages()}\n`);
  const inspector = await inspect();
  let said = '';
  const before = pids.map(cpuMs);
  const profile = await inspector.profile(async () => {
    said = await run(PROFILED_MS);
  });
  const spent = pids.map((pid, i) => `${roles[i]} ${(cpuMs(pid) - before[i]!).toFixed(0)} ms`);
  inspector.close();
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${only}-${stores}.cpuprofile`);
  writeFileSync(file, JSON.stringify(profile));
  process.stdout.write(`${said} (while it is profiled)\nCPU time: ${spent.join(', ')}\n`);
  process.stdout.write(`${summaryText(`control plane, ${only}, ${stores}`, summarize(profile))}\n${file}\n`);
} finally {
  await lab.close();
}
