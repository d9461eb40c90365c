// A whole Bowline of real programs for chaos: Postgres, Redis, replicas of the control plane behind a balancer, workers and
// edges, each with a home of its own, every connection through a link that can be disturbed.
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { homePaths } from '../../src/base/home.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { SlowModel, type SlowModelOptions } from '../support/slow-model.ts';
import { built, ROOT, Stack } from '../support/stack.ts';
import { onControl, onEdge, type Transport } from './clients.ts';
import { DatabaseGate } from './database-gate.ts';
import { Link } from './link.ts';
import { Part } from './part.ts';
import type { Shape } from './plan.ts';
import { connected, edgePart, piecesOf, workerPart } from './programs.ts';
import type { Site } from './site.ts';

/** Short, so that what breaks is noticed and made good within seconds. */
const ENV = {
  BOWLINE_HEARTBEAT_MS: '1000',
  BOWLINE_WORKER_GRACE_MS: '700',
  BOWLINE_RECOVER_AFTER_MS: '700',
  BOWLINE_SCAN_MS: '500',
  BOWLINE_LEASE_MS: '2000',
  BOWLINE_CALL_TTL_MS: '30000',
  BOWLINE_DRAIN_MS: '4000',
};
const WORKER_DRAIN_S = 3;
/** Beyond its own deadline, for the end of a process on a machine that is busy. */
const SLACK_MS = 4_000;
export const DRAIN_MS = Number(ENV.BOWLINE_DRAIN_MS) + SLACK_MS;

export interface ClusterOptions {
  /** The slow model whose answers can be disturbed in their middle (the default), or the model without a model. */
  readonly model?: 'slow' | 'rules';
  /** Added to the environment of every program. */
  readonly env?: Readonly<Record<string, string>>;
  /** Jobs of one worker at once; default 4. */
  readonly slots?: number;
  /** What the slow model says, and costs. */
  readonly says?: SlowModelOptions;
}

export class Cluster implements Site {
  readonly shape: Shape;
  readonly #options: ClusterOptions;
  /** Holds everything that its programs write. */
  readonly folder: string;
  readonly postgres: TestPostgres;
  readonly redis: TestRedis | undefined;
  readonly model: SlowModel;
  readonly gate: DatabaseGate;
  readonly parts = new Map<string, Part>();
  readonly links = new Map<string, Link>();
  /** A copy of what was built: a build meanwhile must not change what is started again. */
  readonly #dist: string;
  /** The harness's own way to the control plane; no fault hits it. */
  #api: Link | undefined;

  private constructor(
    shape: Shape,
    folder: string,
    postgres: TestPostgres,
    redis: TestRedis | undefined,
    gate: DatabaseGate,
    model: SlowModel,
    options: ClusterOptions,
  ) {
    this.#options = options;
    this.shape = shape;
    this.folder = folder;
    this.#dist = join(ROOT, '.build', basename(folder));
    this.postgres = postgres;
    this.redis = redis;
    this.gate = gate;
    this.model = model;
  }

  static async start(shape: Shape, options: ClusterOptions = {}): Promise<Cluster> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bowline-chaos-')));
    const postgres = await startPostgres();
    const redis = shape.redis ? await startRedis() : undefined;
    const model = new SlowModel({ piecesOf, pauseMs: 40, ...options.says });
    await model.listen();
    const cluster = new Cluster(shape, folder, postgres, redis, await DatabaseGate.create(postgres), model, options);
    try {
      await cluster.#begin();
    } catch (error) {
      await cluster.close(true);
      throw error;
    }
    return cluster;
  }

  /** Of the database itself, past every link. */
  get databaseUrl(): string {
    return this.gate.url;
  }

  get apiPort(): number {
    return this.#api?.port ?? 0;
  }

  part(name: string): Part {
    const part = this.parts.get(name);
    if (!part) throw new Error(`there is no ${name} in this cluster`);
    return part;
  }

  get edges(): number {
    return this.shape.edges;
  }

  edgeStack(number: number): Stack {
    return this.part(`edge-${number}`).stack;
  }

  control<T>(act: (transport: Transport) => Promise<T>): Promise<T> {
    return onControl(this.apiPort, this.part('control-1').stack.ownerKey, act);
  }

  edge<T>(number: number, act: (transport: Transport) => Promise<T>): Promise<T> {
    const { home, ownerKey } = this.edgeStack(number);
    return onEdge(homePaths(home).socket, ownerKey, act);
  }

  /** Everything is up, mended and connected again; throws what is not within the time. */
  async heal(withinMs: number): Promise<void> {
    for (const link of this.links.values()) {
      link.delay(0);
      link.silence(undefined);
      await link.listen();
    }
    for (const part of this.parts.values()) part.wrongClock(0);
    await Promise.all([...this.parts.values()].map((part) => part.ready(withinMs)));
    for (let edge = 1; edge <= this.shape.edges; edge++) await connected(this, edge, withinMs);
  }

  /** Ids of the replicas that run now, as they told. */
  replicas(): string[] {
    const controls = [...this.parts].filter(([name]) => name.startsWith('control-'));
    return controls.map(([, { program }]) => /"replica":"([^"]+)"/.exec(program.stdout)?.[1] ?? '');
  }

  /** The most resident memory that a program of each role takes now, in MB; empty where the system does not tell. */
  mostMb(): Map<string, number> {
    const most = new Map<string, number>();
    for (const [name, { residentMb }] of this.parts) {
      const role = name.replace(/-\d+$/, '');
      if (residentMb !== undefined) most.set(role, Math.max(residentMb, most.get(role) ?? 0));
    }
    return most;
  }

  /** Ends everything; with `keep` the folder stays. */
  async close(keep = false): Promise<void> {
    for (const part of this.parts.values()) part.resume();
    // The control plane last, so that the others can take their leave.
    const stacks = [...this.parts.values()].map(({ stack }) => stack).reverse();
    await Promise.all(stacks.map((stack) => stack.close(keep)));
    for (const link of [...this.links.values(), ...(this.#api ? [this.#api] : [])]) await link.cut();
    await this.model.close();
    await this.redis?.stop();
    await this.postgres.stop();
    rmSync(this.#dist, { recursive: true, force: true });
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }

  async #begin(): Promise<void> {
    // Inside the checkout, where the programs find their packages.
    cpSync(await built(), this.#dist, { recursive: true });
    const { controls, workers, edges } = this.shape;
    const ports: number[] = [];
    for (let n = 1; n <= controls; n++) ports.push(await this.#control(n));
    this.#api = new Link('api>control', ports);
    await this.#api.listen();
    const first = this.part('control-1').stack;
    for (let n = 1; n <= workers; n++) await this.#worker(n, ports, join(first.home, 'control', 'worker.key'));
    for (let n = 1; n <= edges; n++) await this.#edge(n, ports);
    await this.heal(60_000);
  }

  async #stack(name: string): Promise<Stack> {
    const stack = await Stack.create({}, { name: join(this.folder, `${name}-`), dist: this.#dist });
    Object.assign(stack.env, this.#options.env);
    return stack;
  }

  async #link(name: string, targets: readonly number[], first = 0): Promise<Link> {
    const link = new Link(name, targets, first);
    await link.listen();
    this.links.set(name, link);
    return link;
  }

  async #control(n: number): Promise<number> {
    const name = `control-${n}`;
    const stack = await this.#stack(name);
    const database = await this.#link(`${name}>postgres`, [this.postgres.port]);
    Object.assign(stack.env, ENV, { DATABASE_URL: at(this.gate.programsUrl, database.port) });
    if (this.redis) {
      const redis = await this.#link(`${name}>redis`, [this.redis.port]);
      Object.assign(stack.env, { REDIS_URL: at(this.redis.url, redis.port), BOWLINE_REDIS_PREFIX: this.redis.prefix });
    }
    // A start that the database turns away for a reason that somebody must mend ends and says so; then it is started again.
    const mayEnd = (printed: string, startedAt: number) =>
      printed.includes('DATABASE_UNUSABLE') && this.gate.shutSince(startedAt);
    await this.#run(new Part(name, stack, () => stack.start('control', ['--port', String(stack.port)]), mayEnd));
    return stack.port;
  }

  async #worker(n: number, ports: readonly number[], key: string): Promise<void> {
    const name = `worker-${n}`;
    const link = await this.#link(`${name}>control`, ports, n);
    await this.#run(
      workerPart(name, await this.#stack(name), {
        link,
        key,
        model: this.#options.model === 'rules' ? undefined : this.model,
        slots: this.#options.slots ?? 4,
        drainS: WORKER_DRAIN_S,
      }),
    );
  }

  async #edge(n: number, ports: readonly number[]): Promise<void> {
    const name = `edge-${n}`;
    const link = await this.#link(`${name}>control`, ports, n);
    await this.#run(await edgePart(name, await this.#stack(name), { link, site: this }));
  }

  async #run(part: Part): Promise<void> {
    mkdirSync(part.stack.dir, { recursive: true });
    this.parts.set(part.name, part);
    part.start();
    await part.ready(60_000);
  }
}

function at(url: string, port: number): string {
  const there = new URL(url);
  there.port = String(port);
  return there.href;
}
