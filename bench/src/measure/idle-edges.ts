// What an idle connected edge costs the control plane, beside the same number of idle connect-node streams. Both sides speak
// HTTP/2 without TLS, and both are told to collect their garbage before each look.
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../../../test/support/free-port.ts';
import type { AgentProcess } from '../harness/agent-process.ts';
import { Inspector } from '../harness/inspector.ts';
import { type Bench, type Measure, ofRounds, setUp } from '../harness/measure.ts';

/** Lets the heartbeats of new sessions come by once. */
const SETTLE_MS = { quick: 2_000, full: 12_000 };

const looked = setUp('idle-edges', async ({ lab, quick }) => {
  const count = quick ? 500 : 2_000;
  const settle = () => wait(quick ? SETTLE_MS.quick : SETTLE_MS.full);
  const { stack, inspect } = await lab.control('servers', { inspected: true, name: 'idle' });
  const port = await freePort();
  const server = await lab.agent('idle-server', { execArgv: [`--inspect=127.0.0.1:${port}`] });
  const bareUrl = await server.call<string>('listen');
  const ours = await perEdge(await inspect(), await lab.agent('idle-edges'), count, settle, {
    url: stack.url,
    ownerKey: stack.ownerKey,
  });
  await stack.close();
  const bare = await perEdge(await Inspector.attach(port), await lab.agent('idle-edges'), count, settle, {
    url: bareUrl,
  });
  await server.stop();
  return { ours, bare, count };
});

/** Memory does not mind what else the machine does, so it is looked at while others prepare. */
export const idleEdges: Measure = {
  name: 'idle-edges',
  what: 'memory of the control plane for each idle edge',
  prepare: looked.prepare,
  run: async (bench: Bench) => {
    const { ours, bare, count } = await looked.take(bench);
    const figure = (label: string, kb: number) => ofRounds(label, 'KB', [kb]);
    const measure = 'idle-edges';
    return [
      {
        measure,
        what: `control plane, resident memory per idle edge (${count})`,
        ours: figure('Bowline', ours.rss),
        peers: [figure('connect-node stream', bare.rss)],
        budget: { atMost: 1 },
      },
      {
        measure,
        what: 'control plane, JavaScript heap per idle edge',
        ours: figure('Bowline', ours.heap),
        peers: [figure('connect-node stream', bare.heap)],
      },
    ];
  },
};

/** KB that each of `count` sessions adds to the process behind the debugger. */
async function perEdge(
  inspector: Inspector,
  edges: AgentProcess,
  count: number,
  settle: () => Promise<void>,
  place: { readonly url: string; readonly ownerKey?: string },
) {
  await edges.call('join', { ...place, count });
  await settle();
  const before = await inspector.memory();
  await edges.call('connect');
  await settle();
  const after = await inspector.memory();
  const lost = await edges.call<number>('lost');
  if (lost > 0) throw new Error(`${lost} idle sessions were lost`);
  inspector.close();
  await edges.stop();
  return {
    rss: (after.rss - before.rss) / count / 1024,
    heap: (after.heapUsed - before.heapUsed) / count / 1024,
  };
}
