// Durable runs, edge to edge: latency of one job and of three (model, tool, model), and runs per second, on Postgres and Redis
// and embedded, beside DBOS and Restate with the same number of steps, and beside BullMQ's add to finished.
import type { AgentProcess } from '../harness/agent-process.ts';
import { cpuMs } from '../harness/cpu.ts';
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

/** A side of a comparison: its load generator, what that is asked for, and all processes that work for it. */
interface Side {
  readonly agent: AgentProcess;
  readonly args: object;
  readonly pids: readonly number[];
}

const STORES: readonly { readonly stores: Stores; readonly label: string }[] = [
  { stores: 'servers', label: 'Postgres + Redis' },
  { stores: 'embedded', label: 'embedded' },
];

/** What the load generator of Bowline asks: the worker answers at once, or wants a tool first. */
const ASK = { 1: 'hello', 3: 'tool' } as const;

async function sidesOf(lab: Lab, steps: 1 | 3): Promise<Record<string, Side>> {
  const [dbos, restate] = await Promise.all([lab.dbos(), lab.restate()]);
  const ours = async (stores: Stores): Promise<Side> => {
    const { edge, pids } = await lab.bowline(stores);
    return { agent: edge, args: { ask: ASK[steps] }, pids };
  };
  const [servers, embedded] = await Promise.all([ours('servers'), ours('embedded')]);
  return {
    servers,
    embedded,
    DBOS: { ...dbos, args: { steps } },
    Restate: { ...restate, args: { steps } },
  };
}

/** What load generators were asked for until the code behind them was compiled. */
const warmed = new WeakMap<AgentProcess, Set<string>>();

/** Every side is warmed once with many runs in flight; then all are asked in turn, round by round. */
async function rounds<T>(sides: Record<string, Side>, quick: boolean, count: number, call: (side: Side) => Promise<T>) {
  const ms = quick ? 1_100 : 10_000;
  for (const { agent, args } of Object.values(sides)) {
    const done = warmed.get(agent) ?? new Set();
    if (done.has(JSON.stringify(args))) continue;
    await agent.call('rate', { ...args, ms, inFlight: IN_FLIGHT });
    warmed.set(agent, done.add(JSON.stringify(args)));
  }
  return interleave(count, Object.fromEntries(Object.entries(sides).map(([label, side]) => [label, () => call(side)])));
}

export const oneJob = latency('one-job', 1, 'one-job run, p50', 1);
export const threeJobs = latency('three-jobs', 3, 'three-job run, p50', 0.9);

function latency(name: string, steps: 1 | 3, what: string, atMost: number): Measure {
  return {
    name,
    what: `${what}, 1 in flight`,
    prepare: ({ lab }: Bench) => sidesOf(lab, steps),
    run: async ({ lab, quick }: Bench) => {
      const ms = quick ? 600 : 2_000;
      const times = await rounds(await sidesOf(lab, steps), quick, quick ? 3 : 7, ({ agent, args }) =>
        agent.call<number[]>('latency', { ...args, ms }),
      );
      const figure = (label: string) => ofSamples(label, 'ms', times[label]!);
      return rows(name, what, figure, ['DBOS', 'Restate'], { atMost });
    },
  };
}

interface Rated {
  readonly perSecond: number;
  /** CPU time of all processes of the side, for each run, in milliseconds. */
  readonly cpu: number;
}

export const throughput: Measure = {
  name: 'throughput',
  what: `one-job runs per second, ${IN_FLIGHT} in flight`,
  prepare: ({ lab }: Bench) => Promise.all([sidesOf(lab, 1), lab.bullmq()]),
  run: async ({ lab, quick }: Bench) => {
    const what = `one-job runs, ${IN_FLIGHT} in flight`;
    const ms = quick ? 1_300 : 4_000;
    const sides = { ...(await sidesOf(lab, 1)), BullMQ: { ...(await lab.bullmq()), args: {} } };
    const results = await rounds(sides, quick, quick ? 3 : 5, async ({ agent, args, pids }): Promise<Rated> => {
      const before = total(pids);
      const { perSecond, count } = await agent.call<RateResult>('rate', { ...args, ms, inFlight: IN_FLIGHT });
      return { perSecond, cpu: (total(pids) - before) / count };
    });
    const of = (unit: 'per s' | 'ms', key: keyof Rated) => (label: string) =>
      ofRounds(
        label,
        unit,
        results[label]!.map((result) => result[key]),
      );
    const rate = of('per s', 'perSecond');
    return [
      ...rows('throughput', what, rate, ['DBOS', 'Restate'], { atLeast: 1.5 }),
      {
        measure: 'throughput',
        what: `${what}, beside a bare queue`,
        ours: { ...rate('servers'), label: 'Bowline' },
        peers: [rate('BullMQ')],
      },
      ...rows('throughput', 'CPU time of one such run, all processes', of('ms', 'cpu'), ['DBOS', 'Restate'], {
        atMost: 0.6,
      }),
    ];
  },
};

const total = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);

/** One row for each kind of store; the budget holds on Postgres and Redis. */
function rows(
  measure: string,
  what: string,
  figure: (label: string) => Figure,
  peers: readonly string[],
  budget?: NonNullable<Row['budget']>,
): Row[] {
  return STORES.map(({ stores, label }) => ({
    measure,
    what: `${what}, ${label}`,
    ours: { ...figure(stores), label: 'Bowline' },
    peers: peers.map(figure),
    ...(stores === 'servers' && budget ? { budget } : {}),
  }));
}
