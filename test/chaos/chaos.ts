// Plays seeds one after the other on one cluster, prints each with its faults and its verdict, and begins with a new cluster
// after one that failed, whose files it keeps.
import { Cluster } from './cluster.ts';
import { Model } from './model.ts';
import { faultText, planOf, type Shape } from './plan.ts';
import { playSeed } from './seed.ts';
import { Truth } from './truth.ts';

export interface ChaosOptions {
  readonly shape: Shape;
  readonly seeds: readonly number[];
  readonly print: (line: string) => void;
  /** No seed is begun after so many milliseconds; default: all are. */
  readonly withinMs?: number;
}

export interface ChaosEnd {
  readonly played: number;
  readonly faults: number;
  readonly failed: readonly number[];
}

export async function chaos({
  shape,
  seeds,
  print,
  withinMs = Number.POSITIVE_INFINITY,
}: ChaosOptions): Promise<ChaosEnd> {
  const end = performance.now() + withinMs;
  const failed: number[] = [];
  let [played, faults] = [0, 0];
  let scene: Scene | undefined;
  try {
    for (const seed of seeds) {
      if (performance.now() > end) break;
      const plan = planOf(seed, shape);
      // Said before it begins, so that it can be played again whatever happens.
      print(`seed ${seed}`);
      for (const fault of plan.faults) print(`  ${faultText(fault)}`);
      scene ??= await begin(shape);
      const { wrong, summary } = await playSeed(scene.cluster, scene.truth, scene.model, plan).catch(
        (error: unknown) => ({
          wrong: [String(error)],
          summary: 'it was not played to its end',
        }),
      );
      played++;
      const memory = [...scene.cluster.mostMb()].map(([role, mb]) => `${role} ${Math.round(mb)} MB`).join(', ');
      faults += plan.faults.length;
      print(`  ${wrong.length === 0 ? 'passed' : 'FAILED'}: ${summary}; at most ${memory}`);
      if (wrong.length === 0) continue;
      failed.push(seed);
      for (const what of wrong.slice(0, 30)) print(`  - ${what}`);
      if (wrong.length > 30) print(`  - and ${wrong.length - 30} more`);
      print(`  logs and homes: ${scene.cluster.folder}; again: make chaos SEED=${seed}`);
      const over = scene;
      scene = undefined;
      await finish(over, true);
    }
  } finally {
    if (scene) await finish(scene, false);
  }
  return { played, faults, failed };
}

interface Scene {
  readonly cluster: Cluster;
  readonly truth: Truth;
  readonly model: Model;
}

async function begin(shape: Shape): Promise<Scene> {
  const cluster = await Cluster.start(shape);
  return { cluster, truth: await Truth.open(cluster.databaseUrl), model: new Model() };
}

async function finish({ cluster, truth }: Scene, keep: boolean): Promise<void> {
  await truth.close();
  await cluster.close(keep);
}
