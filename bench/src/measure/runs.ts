// Durable runs, edge to edge: latency of one job and of three (model, tool, model), and runs per second, on Postgres and Redis
// and embedded, beside DBOS and Restate with the same number of steps, and beside BullMQ's add to finished.
import type { AgentProcess } from '../harness/agent-process.ts';
import type { Lab, Stores } from '../harness/lab.ts';
import type { RateResult } from '../harness/load.ts';
import {
  type Bench,
  type Figure,
  interleave,
  type Measure,
  ofRounds,
  ofSamples,
  type Row,
} from '../harness/measure.ts';

const IN_FLIGHT = 50;
type Side = () => Promise<AgentProcess>;

/** What the load generator is asked for. */
const OURS = { 1: { ask: 'hello' }, 3: { ask: 'tool' } } as const;
const theirs = (steps: 1 | 3) => ({ steps });

const ours =
  (lab: Lab, stores: Stores): Side =>
  async () =>
    (await lab.bowline(stores)).edge;

const STORES: readonly { readonly stores: Stores; readonly label: string }[] = [
  { stores: 'servers', label: 'Postgres + Redis' },
  { stores: 'embedded', label: 'embedded' },
];

export const oneJob: Measure = latency('one-job', 1, 'one-job run, p50');
export const threeJobs: Measure = latency('three-jobs', 3, 'three-job run, p50');

function latency(name: string, steps: 1 | 3, what: string): Measure {
  return {
    name,
    what: `${what}, 1 in flight`,
    run: async ({ lab, quick }: Bench) => {
      const count = quick ? 60 : 200;
      const sides = await started({
        servers: [ours(lab, 'servers'), OURS[steps]],
        embedded: [ours(lab, 'embedded'), OURS[steps]],
        DBOS: [() => lab.dbos(), theirs(steps)],
        Restate: [() => lab.restate(), theirs(steps)],
      });
      const one = (label: string, n: number) =>
        sides[label]![0].call<number[]>('latency', { ...sides[label]![1], count: n });
      const all = Object.keys(sides);
      await interleave(1, Object.fromEntries(all.map((label) => [label, () => one(label, count / 2)])));
      const rounds = await interleave(
        quick ? 3 : 7,
        Object.fromEntries(all.map((label) => [label, () => one(label, count)])),
      );
      const figure = (label: string) => ofSamples(label, 'ms', rounds[label]!);
      return rows(name, what, figure, ['DBOS', 'Restate'], { atMost: 0.7 });
    },
  };
}

export const throughput: Measure = {
  name: 'throughput',
  what: `one-job runs per second, ${IN_FLIGHT} in flight`,
  run: async ({ lab, quick }: Bench) => {
    const what = `one-job runs, ${IN_FLIGHT} in flight`;
    const count = quick ? 600 : 2_000;
    const sides = await started({
      servers: [ours(lab, 'servers'), OURS[1]],
      embedded: [ours(lab, 'embedded'), OURS[1]],
      DBOS: [() => lab.dbos(), theirs(1)],
      Restate: [() => lab.restate(), theirs(1)],
      BullMQ: [() => lab.bullmq(), {}],
    });
    const one = (label: string, n: number) =>
      sides[label]![0].call<RateResult>('rate', { ...sides[label]![1], count: n, inFlight: IN_FLIGHT });
    const all = Object.keys(sides);
    await interleave(1, Object.fromEntries(all.map((label) => [label, () => one(label, count / 2)])));
    const rounds = await interleave(
      quick ? 3 : 5,
      Object.fromEntries(all.map((label) => [label, () => one(label, count)])),
    );
    const figure = (label: string) =>
      ofRounds(
        label,
        'per s',
        rounds[label]!.map(({ perSecond }) => perSecond),
      );
    return [
      ...rows('throughput', what, figure, ['DBOS', 'Restate'], { atLeast: 2 }),
      {
        measure: 'throughput',
        what: `${what}, Postgres + Redis`,
        ours: { ...figure('servers'), label: 'Bowline' },
        peers: [figure('BullMQ')],
        budget: { atLeast: 0.5 },
      },
    ];
  },
};

/** One row for each kind of store; the budget holds on Postgres and Redis. */
function rows(
  measure: string,
  what: string,
  figure: (label: string) => Figure,
  peers: readonly string[],
  budget: NonNullable<Row['budget']>,
): Row[] {
  return STORES.map(({ stores, label }) => ({
    measure,
    what: `${what}, ${label}`,
    ours: { ...figure(stores), label: 'Bowline' },
    peers: peers.map(figure),
    ...(stores === 'servers' ? { budget } : {}),
  }));
}

async function started(sides: Readonly<Record<string, readonly [Side, object]>>) {
  const ready: Record<string, readonly [AgentProcess, object]> = {};
  for (const [label, [start, args]] of Object.entries(sides)) ready[label] = [await start(), args];
  return ready;
}
