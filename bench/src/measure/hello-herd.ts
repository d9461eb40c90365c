// How long one replica takes to serve edges that all connect at the same moment, as after a restart of it, what of the
// processor each costs it, and whether any of them is superseded by a Hello of its own that it had given up.
import { cpuMs, postmaster } from '../harness/cpu.ts';
import { type Bench, type Measure, ofRounds, setUp } from '../harness/measure.ts';

interface Herd {
  /** Until the last one had its Welcome. */
  readonly ms: number;
  readonly superseded: number;
  /** Attempts that failed, by their reason. */
  readonly failed: Readonly<Record<string, number>>;
}

const enrolled = setUp('herd', async ({ lab, quick }) => {
  const count = quick ? 1_000 : 5_000;
  const { stack, control, database } = await lab.control('servers', { name: 'herd' });
  const edges = await lab.agent('herd');
  await edges.call('enrol', { database, count });
  return { stack, control, database, edges, count };
});

export const helloHerd: Measure = {
  name: 'hello-herd',
  what: 'edges that connect at once to one replica',
  prepare: enrolled.prepare,
  run: async (bench: Bench) => {
    const { say } = bench;
    const { stack, control, database, edges, count } = await enrolled.take(bench);
    const pids = [control.pid, await postmaster(database ?? ''), edges.pid];
    const before = pids.map(cpuMs);
    const herd = await edges.call<Herd>('herd', { port: stack.port });
    const [ours = 0, postgres, theirs] = pids.map((pid, i) => cpuMs(pid) - before[i]!);
    const attempts = Object.entries(herd.failed).map(([reason, times]) => `, ${times} x ${reason}`);
    say(`${count} edges at once: ${Math.round(herd.ms)} ms${attempts.join('')}`);
    say(`processor: control plane ${ours} ms, Postgres ${postgres} ms, all edges ${theirs} ms`);
    await edges.stop();
    await stack.close();
    const measure = 'hello-herd';
    return [
      {
        measure,
        what: `until the last of ${count} edges is served`,
        ours: ofRounds('Bowline', 'ms', [herd.ms]),
        peers: [],
        budget: { atMost: 30_000, absolute: true },
      },
      {
        measure,
        what: 'CPU time of the control plane for each of them',
        ours: ofRounds('Bowline', 'ms', [ours / count]),
        peers: [],
      },
      {
        measure,
        what: 'of them superseded, share',
        ours: ofRounds('Bowline', 'share', [herd.superseded / count]),
        peers: [],
        budget: { atMost: 0, absolute: true },
      },
    ];
  },
};
