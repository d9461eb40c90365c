// What telemetry costs: one-job runs per second, and the CPU time of each, of a control plane whose metrics are read and whose traces are
// sent, beside one without.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../../../test/support/free-port.ts';
import { cpuMs } from '../harness/cpu.ts';
import type { Lab } from '../harness/lab.ts';
import type { RateResult } from '../harness/load.ts';
import { type Bench, interleave, type Measure, ofRounds } from '../harness/measure.ts';

const IN_FLIGHT = 50;
/** Fifteen times as often as Prometheus does by default. */
const SCRAPE_MS = 1_000;

const told = (lab: Lab) =>
  lab.once('bowline told', async () => {
    // A collector that is never the reason: it reads everything and keeps nothing.
    const sink = createServer((request, response) => request.resume().once('end', () => response.end('{}')));
    sink.listen(0, '127.0.0.1');
    await once(sink, 'listening');
    lab.onClose(async () => void sink.close());
    const port = await freePort();
    const bowline = await lab.newBowline('servers', {
      name: 'told',
      env: {
        BOWLINE_OTLP_URL: `http://127.0.0.1:${(sink.address() as AddressInfo).port}`,
        BOWLINE_METRICS_PORT: String(port),
      },
    });
    const key = readFileSync(join(bowline.stack.home, 'control/metrics.key'), 'utf8').trim();
    const scrape = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: `Bearer ${key}` } });
      await answer.text();
    };
    return { bowline, scrape };
  });

export const telemetry: Measure = {
  name: 'telemetry',
  what: `one-job runs per second, ${IN_FLIGHT} in flight, with metrics and traces and without`,
  prepare: ({ lab }: Bench) => Promise.all([lab.bowline('servers'), told(lab)]),
  run: async ({ lab, quick }: Bench) => {
    const [off, { bowline: on, scrape }] = await Promise.all([lab.bowline('servers'), told(lab)]);
    const side = (bowline: typeof off, beside: (ms: number) => Promise<void>) => (ms: number) => async () => {
      const pids = [bowline.control.pid, bowline.edge.pid, bowline.worker.pid];
      const total = () => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
      const before = total();
      const [{ perSecond, count }] = await Promise.all([
        bowline.edge.call<RateResult>('rate', { ask: 'hello', ms, inFlight: IN_FLIGHT }),
        beside(ms),
      ]);
      return { perSecond, cpu: (total() - before) / count };
    };
    const scraping = async (ms: number) => {
      for (let at = 0; at < ms; at += SCRAPE_MS) {
        await scrape();
        await wait(Math.min(SCRAPE_MS, ms - at));
      }
    };
    const sides = { on: side(on, scraping), off: side(off, async () => {}) };
    const of = (ms: number) => ({ on: sides.on(ms), off: sides.off(ms) });
    await interleave(1, of(quick ? 1_100 : 10_000));
    const results = await interleave(quick ? 3 : 7, of(quick ? 1_200 : 4_000));
    const figure = (label: string, unit: 'per s' | 'ms', key: 'perSecond' | 'cpu', which: 'on' | 'off') =>
      ofRounds(
        label,
        unit,
        results[which]!.map((result) => result[key]),
      );
    const what = `one-job runs, ${IN_FLIGHT} in flight, telemetry on`;
    return [
      {
        measure: 'telemetry',
        what,
        ours: figure('Bowline', 'per s', 'perSecond', 'on'),
        peers: [figure('off', 'per s', 'perSecond', 'off')],
        budget: { atLeast: 0.95 },
      },
      {
        measure: 'telemetry',
        what: `CPU time of one such run, without the stores`,
        ours: figure('Bowline', 'ms', 'cpu', 'on'),
        peers: [figure('off', 'ms', 'cpu', 'off')],
      },
    ];
  },
};
