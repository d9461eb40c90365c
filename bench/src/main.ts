// `make bench [QUICK=1] [ONLY=name,...] [CHECK=1|write|add]`: measures, prints one table and writes one JSON file. A missed budget is
// marked, not an error; a measurement that fails is, and with CHECK=1 a ratio that is worse than its reference twice.
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { betterOf, type Comparison, checkText, compareRows } from './harness/check.ts';
import { Lab } from './harness/lab.ts';
import { machine } from './harness/machine.ts';
import { type Measure, type Row, ratio, reference, verdict } from './harness/measure.ts';
import { readReferences, writeReferences } from './harness/reference-file.ts';
import { tableText } from './harness/table.ts';
import { answers } from './measure/answers.ts';
import { cliStart } from './measure/cli-start.ts';
import { documents } from './measure/documents.ts';
import { edgeMemory, edgeStart, toolCall } from './measure/edge.ts';
import { embed } from './measure/embed.ts';
import { fairness } from './measure/fairness.ts';
import { heldTransaction } from './measure/held.ts';
import { helloHerd } from './measure/hello-herd.ts';
import { idleEdges } from './measure/idle-edges.ts';
import { cancel, recovery } from './measure/interruptions.ts';
import { relay } from './measure/relay.ts';
import { replicas } from './measure/replicas.ts';
import { retrieval } from './measure/retrieval.ts';
import { routes } from './measure/routes.ts';
import { oneJob, threeJobs, throughput } from './measure/runs.ts';
import { sandboxStart } from './measure/sandbox.ts';
import { storeGrowth } from './measure/store.ts';
import { telemetry } from './measure/telemetry.ts';
import { up } from './measure/up.ts';
import { webFetch } from './measure/web.ts';

const MEASURES: readonly Measure[] = [
  edgeMemory,
  edgeStart,
  cliStart,
  up,
  toolCall,
  throughput,
  oneJob,
  threeJobs,
  relay,
  replicas,
  fairness,
  telemetry,
  cancel,
  recovery,
  storeGrowth,
  heldTransaction,
  idleEdges,
  helloHerd,
  embed,
  sandboxStart,
  retrieval,
  webFetch,
  documents,
  answers,
  routes,
];

const quick = Boolean(process.env.QUICK);
const only = (process.env.ONLY ?? '').split(',').filter((name) => name !== '');
const chosen = MEASURES.filter(({ name }) => only.length === 0 || only.includes(name));
const unknown = only.filter((name) => !MEASURES.some((measure) => measure.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `no measurement ${unknown.join(', ')}; there are ${MEASURES.map(({ name }) => name).join(', ')}\n`,
  );
  process.exit(2);
}

const check = process.env.CHECK ?? '';
if (!['', '1', 'write', 'add'].includes(check)) {
  process.stderr.write('CHECK is 1, write or add\n');
  process.exit(2);
}

/** After this a measurement counts as hung. */
const LIMIT_MS = quick ? 120_000 : 300_000;
const SET_UP_LIMIT_MS = 600_000;
/** Much of it is waiting; with more at once a small machine starves sessions that are open already. */
const PREPARE_AT_ONCE = 4;

const startedAt = new Date();
const start = performance.now();
const seconds = () => ((performance.now() - start) / 1000).toFixed(0);
const say = (text: string) => process.stderr.write(`${seconds().padStart(4)} s  ${text}\n`);
const about = await machine();
const rows: Row[] = [];
const failures: { name: string; error: string }[] = [];
const loads: number[] = [];
const took: string[] = [];
const compared: Comparison[] = [];
const lab = new Lab();
const bench = { lab, quick, say };
try {
  say('starting and filling what all of them need');
  // What takes long stands last.
  const waiting = chosen.toReversed().values();
  await within(SET_UP_LIMIT_MS, Promise.all(Array.from({ length: PREPARE_AT_ONCE }, () => prepareAll(waiting))));
  took.push(`set-up ${seconds()}`);
  for (const measure of chosen) {
    say(measure.what);
    const began = performance.now();
    const look = () => within(LIMIT_MS, measure.run(bench));
    try {
      const seen = await look();
      rows.push(...seen);
      if (check === '1') compared.push(...(await checked(measure.name, seen, look)));
    } catch (error) {
      failures.push({
        name: measure.name,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      say(`${measure.name} failed`);
    }
    loads.push(loadavg()[0] ?? 0);
    took.push(`${measure.name} ${((performance.now() - began) / 1000).toFixed(0)}`);
  }
} finally {
  await lab.close();
}

const folder = fileURLToPath(new URL('../results/', import.meta.url));
mkdirSync(folder, { recursive: true });
const file = join(folder, `${startedAt.toISOString().replaceAll(':', '-').slice(0, 19)}.json`);
const result = {
  startedAt: startedAt.toISOString(),
  seconds: Number(seconds()),
  quick,
  machine: about,
  loads,
  took,
  rows: rows.map((row) => ({ ...row, reference: reference(row)?.label, ratio: ratio(row), verdict: verdict(row) })),
  failures,
};
writeFileSync(file, `${JSON.stringify(result, undefined, 1)}\n`);
const missed = rows.filter((row) => verdict(row) === 'missed').length;
const met = rows.filter((row) => verdict(row) === 'met').length;
const { cpu, cores, memoryGb, node, commit, changed } = about;
const place = `${cores} x ${cpu}, ${memoryGb} GB, Node ${node}`;
process.stdout.write(`\n${place}, commit ${commit}${changed ? ' with changes' : ''}`);
process.stdout.write(`, load ${loads.map((load) => load.toFixed(1)).join(' ')}\n\n`);
process.stdout.write(`${tableText(rows, process.stdout.isTTY === true)}\n\n`);
for (const { name, error } of failures) process.stdout.write(`FAILED ${name}: ${error}\n`);
process.stdout.write(`${met} budgets met, ${missed} missed, ${failures.length} measurements failed, ${seconds()} s\n`);
process.stdout.write(`seconds: ${took.join(', ')}\n${relative(process.cwd(), file)}\n`);
if (check === '1') process.stdout.write(`${checkText(compared)}\n`);
else if (check)
  process.stdout.write(`${relative(process.cwd(), writeReferences(rows, place, check as 'write' | 'add'))}\n`);
// Postgres of the tests hooks the end of a process and would end it with 0.
process.exit(failures.length > 0 || compared.some(({ worse }) => worse) ? 1 : 0);

async function prepareAll(waiting: Iterable<Measure>): Promise<void> {
  for (const { name, prepare } of waiting) {
    // What fails here fails again in the measurement, which tells.
    await prepare?.(bench).then(
      () => say(`ready: ${name}`),
      () => undefined,
    );
  }
}

/** Ratios beside their references; where one is worse, all is measured once more, because noise is seldom there twice. */
async function checked(name: string, seen: readonly Row[], again: () => Promise<readonly Row[]>) {
  const references = readReferences();
  const first = compareRows(seen, references);
  if (!first.some(({ worse }) => worse)) return first;
  say(`${name} is worse than its reference; once more`);
  const second = new Map(compareRows(await again(), references).map((one) => [one.key, one]));
  return first.map((one) => betterOf(one, second.get(one.key) ?? one));
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
