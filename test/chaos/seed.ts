// Plays one seed on a running cluster: its faults and its deeds at their moments, then everything up again, then quiet, then
// the judgement.
import { setTimeout as wait } from 'node:timers/promises';
import { edgeCapabilities } from '../../src/contract/capabilities.ts';
import { MethodRegistry } from '../../src/contract/registry.ts';
import { workerCapabilities } from '../../src/contract/worker-capabilities.ts';
import type { Cluster } from './cluster.ts';
import { journals, nappers, naps } from './edge-checks.ts';
import { play } from './faults.ts';
import { Load } from './load.ts';
import type { Model } from './model.ts';
import type { Fault, Plan } from './plan.ts';
import { effectsOf, type Truth } from './truth.ts';
import { within } from './within.ts';

/** After everything was mended. */
const UP_MS = 60_000;
const QUIET_MS = 75_000;
/** A wait after the last fault that is told. */
const SLOW_MS = 10_000;
/** For one fault, whose restart may be slow. */
const FAULT_MS = 60_000;
/** Far above what they need, far below what a leak takes in an hour. */
const MOST_MB = { control: 420, worker: 420, edge: 200 };

const methods = new MethodRegistry([...edgeCapabilities, ...workerCapabilities]);

export interface Verdict {
  /** What does not hold; empty when the seed passed. */
  readonly wrong: readonly string[];
  /** One line about what happened. */
  readonly summary: string;
}

export async function playSeed(cluster: Cluster, truth: Truth, model: Model, plan: Plan): Promise<Verdict> {
  const started = performance.now();
  const sleepers = new Set(nappers(cluster).keys());
  const wrong: string[] = [];
  // Faults of one target wait for each other: on a busy machine a restart takes as long as it takes.
  const targets = new Map<string, Promise<void>>();
  /** Those of the plan, and kills around the question of an owner. */
  const struck: Fault[] = [];
  const strike = (fault: Fault, begin: () => Promise<void>): void => {
    struck.push(fault);
    const turn = (targets.get(fault.target) ?? Promise.resolve()).then(begin);
    const noted = turn.catch((error: unknown) => void wrong.push(`${fault.kind} ${fault.target}: ${String(error)}`));
    targets.set(fault.target, noted);
  };
  let kills = 0;
  /** A program that is waited for is not killed meanwhile. */
  let mending: Promise<unknown> = Promise.resolve();
  const allPlayed = async () => {
    for (let seen = -1; seen !== kills; ) {
      seen = kills;
      await Promise.all(targets.values());
    }
  };
  const load = new Load(cluster, model, (target) => {
    const fault: Fault = { kind: 'kill', target, atMs: 0, lastsMs: 200, byMs: 0 };
    kills++;
    strike(fault, async () => {
      await mending;
      await within(FAULT_MS, 'the fault', play(cluster, fault));
    });
  });
  for (const { kind, target } of plan.faults) if (kind === 'full') model.full.add(Number(target.replace('edge-', '')));
  const before = { asks: model.asks.length, calls: model.calls.length };
  const at = async (ms: number, act: () => Promise<void>) => {
    await wait(Math.max(0, started + ms - performance.now()));
    await act();
  };
  const deeds = Promise.all(plan.deeds.map((deed) => at(deed.atMs, () => load.do(deed))));
  for (const fault of plan.faults)
    strike(fault, () => at(fault.atMs, () => within(FAULT_MS, 'the fault', play(cluster, fault))));
  await allPlayed();
  const faultless = performance.now();
  try {
    const healing = cluster.heal(UP_MS);
    mending = healing.catch(() => {});
    await within(3 * UP_MS, 'mending', healing);
  } catch (error) {
    wrong.push(error instanceof Error ? error.message : String(error));
  }
  const healed = performance.now();
  const slow: string[] = [];
  await deeds;
  await allPlayed();
  await within(UP_MS, 'the last starts', cluster.heal(UP_MS)).catch((error: unknown) => void wrong.push(String(error)));
  const done = performance.now();
  if (done - healed > SLOW_MS) slow.push(`for ${load.last}`);
  wrong.push(
    ...(await within(2 * QUIET_MS, 'quiet', truth.quiet(cluster, QUIET_MS))).map(
      (what) => `still outstanding: ${what}`,
    ),
  );
  const quiet = performance.now();
  if (quiet - done > SLOW_MS) slow.push(`at last for ${truth.waitedFor.join('; ')}`);
  wrong.push(...load.wrong, ...model.judge(await within(UP_MS, 'reading', truth.fresh()), effectsOf(cluster), methods));
  wrong.push(
    ...(await within(UP_MS, 'the journals', journals(cluster))),
    ...memory(cluster),
    ...naps(cluster, struck, sleepers),
  );
  for (const part of cluster.parts.values()) wrong.push(...part.wrong.splice(0));
  const [asks, calls] = [model.asks.slice(before.asks), model.calls.slice(before.calls)];
  const count = <T>(list: readonly T[], holds: (each: T) => boolean) => list.filter(holds).length;
  const summary = [
    `${count(asks, (ask) => ask.ended?.state === 'answered')} of ${asks.length} asks answered`,
    `${count(asks, (ask) => ask.ended?.state === 'cancelled')} cancelled`,
    `${load.pieces} pieces of text, ${load.resets} begun anew`,
    `${count(calls, ({ outcomes }) => outcomes.includes('done'))} of ${calls.length} calls done`,
    `${count(asks, ({ owned }) => (owned?.asked.size ?? 0) > 0)} asked their owner, ${count(asks, ({ owned }) => owned?.taken === true)} were answered, ${kills} kills meanwhile`,
    `up ${seconds(healed - faultless)} after the last fault, quiet ${seconds(quiet - healed)} later`,
    `${seconds(performance.now() - started)} in all`,
    ...slow.map((what) => `waited ${what}`),
  ].join(', ');
  model.forget();
  return { wrong, summary };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Programs that take more than they may. */
function memory(cluster: Cluster): string[] {
  const wrong: string[] = [];
  for (const [role, mb] of cluster.mostMb()) {
    const most = MOST_MB[role as keyof typeof MOST_MB];
    if (mb > most) wrong.push(`a ${role} takes ${Math.round(mb)} MB, more than ${most}`);
  }
  return wrong;
}
