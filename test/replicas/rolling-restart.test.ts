// A rolling restart of three replicas under 50 asks per second: every ask is answered, once.
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { edgeCapabilities } from '../../src/contract/capabilities.ts';
import { MethodRegistry } from '../../src/contract/registry.ts';
import { workerCapabilities } from '../../src/contract/worker-capabilities.ts';
import { Cluster, DRAIN_MS } from '../chaos/cluster.ts';
import { judgeRun } from '../chaos/history.ts';
import { Truth } from '../chaos/truth.ts';
import { eventually } from '../support/control-plane.ts';
import { localClient } from '../support/local-watch.ts';

const RATE = 50;
/** Asks that one edge may have open here; a machine that is slower than the rate gets fewer a second, never more at once. */
const OPEN = 100;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ controls: 3, workers: 2, edges: 2, redis: true }, { model: 'rules', slots: 32 });
}, 120_000);

afterAll(() => cluster?.close(), 60_000);

test('a rolling restart of three replicas under 50 asks per second loses nothing and doubles nothing', async () => {
  const clients = [1, 2].map((n) => localClient(cluster.part(`edge-${n}`).stack.home));
  const ends: { state: RunState; reason: string }[] = [];
  const failed: string[] = [];
  const open = clients.map(() => 0);
  let asked = 0;
  let stopped = false;
  const ask = async (n: number, text: string) => {
    open[n]!++;
    try {
      for await (const { event } of clients[n]!.client.ask({ text })) {
        if (event?.event.case !== 'ended') continue;
        const { outcome } = event.event.value;
        ends.push({ state: outcome?.state ?? RunState.UNSPECIFIED, reason: outcome?.failure?.reason ?? '' });
      }
    } catch (error) {
      failed.push(String(error));
    }
    open[n]!--;
  };
  const load = (async () => {
    const asks: Promise<void>[] = [];
    for (let n = 0; !stopped; n = (n + 1) % clients.length) {
      if (open[n]! < OPEN) asks.push(ask(n, `hello ${asked++}`));
      await wait(1_000 / RATE);
    }
    await Promise.all(asks);
  })();
  await eventually(() => ends.length > RATE, 60_000);
  const started = performance.now();
  for (const name of ['control-1', 'control-2', 'control-3']) {
    const part = cluster.part(name);
    const before = ends.length;
    const end = await part.term(DRAIN_MS);
    expect(end.code).toBe(0);
    // Work goes on while it is away, and it is back before the next one leaves.
    await eventually(() => ends.length > before, 60_000);
    await part.ready(60_000);
  }
  const seconds = (performance.now() - started) / 1_000;
  stopped = true;
  await load;
  for (const { close } of clients) close();
  console.log(`${asked} asks, about ${Math.round(asked / seconds)} a second, over ${seconds.toFixed(0)} s`);
  expect(failed).toEqual([]);
  expect(ends.filter(({ state }) => state !== RunState.ANSWERED)).toEqual([]);
  expect(ends).toHaveLength(asked);
  expect([...cluster.parts.values()].flatMap(({ wrong }) => wrong)).toEqual([]);
  const truth = await Truth.open(cluster.databaseUrl);
  expect(await truth.quiet(cluster, 30_000)).toEqual([]);
  const methods = new MethodRegistry([...edgeCapabilities, ...workerCapabilities]);
  const { runs } = await truth.fresh();
  await truth.close();
  expect(runs).toHaveLength(asked);
  expect(runs.flatMap((run) => judgeRun(run, methods).wrong)).toEqual([]);
}, 600_000);
