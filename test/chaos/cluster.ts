// A whole Bowline of real programs for chaos: Postgres, Redis, replicas of the control plane behind a balancer, workers and
// edges, each with a home of its own, every connection through a link that can be disturbed.
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { DeviceService } from '../../gen/bowline/control/v1/fleet_service_pb.ts';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { homePaths } from '../../src/base/home.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { SlowModel } from '../support/slow-model.ts';
import { built, ROOT, Stack } from '../support/stack.ts';
import { onControl, onEdge, type Transport } from './clients.ts';
import { Link } from './link.ts';
import { Part } from './part.ts';
import type { Shape } from './plan.ts';

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
  /** Jobs of one worker at once; default 4. */
  readonly slots?: number;
}

export class Cluster {
  readonly shape: Shape;
  readonly #options: ClusterOptions;
  /** Holds everything that its programs write. */
  readonly folder: string;
  readonly postgres: TestPostgres;
  readonly redis: TestRedis | undefined;
  readonly model: SlowModel;
  /** Of the database itself, past every link. */
  readonly databaseUrl: string;
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
    url: string,
    model: SlowModel,
    options: ClusterOptions,
  ) {
    this.#options = options;
    this.shape = shape;
    this.folder = folder;
    this.#dist = join(ROOT, '.build', basename(folder));
    this.postgres = postgres;
    this.redis = redis;
    this.databaseUrl = url;
    this.model = model;
  }

  static async start(shape: Shape, options: ClusterOptions = {}): Promise<Cluster> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bowline-chaos-')));
    const postgres = await startPostgres();
    const redis = shape.redis ? await startRedis() : undefined;
    const model = new SlowModel({ piecesOf, pauseMs: 40 });
    await model.listen();
    const cluster = new Cluster(
      shape,
      folder,
      postgres,
      redis,
      await postgres.createDatabase('bowline'),
      model,
      options,
    );
    try {
      await cluster.#begin();
    } catch (error) {
      await cluster.close(true);
      throw error;
    }
    return cluster;
  }

  get apiPort(): number {
    return this.#api?.port ?? 0;
  }

  part(name: string): Part {
    const part = this.parts.get(name);
    if (!part) throw new Error(`there is no ${name} in this cluster`);
    return part;
  }

  control<T>(act: (transport: Transport) => Promise<T>): Promise<T> {
    return onControl(this.apiPort, this.part('control-1').stack.ownerKey, act);
  }

  edge<T>(number: number, act: (transport: Transport) => Promise<T>): Promise<T> {
    const { home, ownerKey } = this.part(`edge-${number}`).stack;
    return onEdge(homePaths(home).socket, ownerKey, act);
  }

  /** Everything is up, mended and connected again; throws what is not within the time. */
  async heal(withinMs: number): Promise<void> {
    for (const link of this.links.values()) {
      link.delay(0);
      link.silence(undefined);
      await link.listen();
    }
    await Promise.all([...this.parts.values()].map((part) => part.ready(withinMs)));
    for (let edge = 1; edge <= this.shape.edges; edge++) await this.#connected(edge, withinMs);
  }

  /** Ids of the replicas that run now, as they told. */
  replicas(): string[] {
    const controls = [...this.parts].filter(([name]) => name.startsWith('control-'));
    return controls.map(([, { program }]) => /"replica":"([^"]+)"/.exec(program.stdout)?.[1] ?? '');
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

  async #stack(name: string, files: Record<string, string> = {}): Promise<Stack> {
    return Stack.create(files, { name: join(this.folder, `${name}-`), dist: this.#dist });
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
    Object.assign(stack.env, ENV, { DATABASE_URL: at(this.databaseUrl, database.port) });
    if (this.redis) {
      const redis = await this.#link(`${name}>redis`, [this.redis.port]);
      Object.assign(stack.env, { REDIS_URL: at(this.redis.url, redis.port), BOWLINE_REDIS_PREFIX: this.redis.prefix });
    }
    await this.#run(new Part(name, stack, () => stack.start('control', ['--port', String(stack.port)])));
    return stack.port;
  }

  async #worker(n: number, ports: readonly number[], key: string): Promise<void> {
    const name = `worker-${n}`;
    const stack = await this.#stack(name);
    if (this.#options.model !== 'rules') stack.write('home/models.yaml', this.model.config, 0o600);
    const keyFile = join(stack.home, 'worker.key');
    cpSync(key, keyFile);
    const link = await this.#link(`${name}>control`, ports, n);
    const words = [
      '--serve',
      'llm',
      '--name',
      name,
      '--slots',
      String(this.#options.slots ?? 4),
      '--drain',
      String(WORKER_DRAIN_S),
    ];
    const url = `http://127.0.0.1:${link.port}`;
    await this.#run(
      new Part(name, stack, () => stack.start('worker', [...words, '--control', url, '--key-file', keyFile])),
    );
  }

  async #edge(n: number, ports: readonly number[]): Promise<void> {
    const name = `edge-${n}`;
    const stack = await this.#stack(name, { 'notes.md': '# Notes\n', 'log.txt': '' });
    stack.write('ran.txt', '');
    stack.write('home/config.yaml', edgeConfig(stack));
    const link = await this.#link(`${name}>control`, ports, n);
    const { token } = await this.control((transport) =>
      createClient(DeviceService, transport).createJoinToken({ name }),
    );
    const line = `http://127.0.0.1:${link.port} ${token} ${name}\n`;
    const start = () => {
      const joined = existsSync(homePaths(stack.home).device);
      const words = ['--allow', stack.docs];
      return joined ? stack.start('edge', words) : stack.start('edge', [...words, '--join'], line);
    };
    await this.#run(new Part(name, stack, start));
  }

  async #run(part: Part): Promise<void> {
    mkdirSync(part.stack.dir, { recursive: true });
    this.parts.set(part.name, part);
    part.start();
    await part.ready(60_000);
  }

  async #connected(edge: number, withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    let last = 'nothing';
    while (performance.now() < end) {
      const status = await this.edge(edge, (transport) => createClient(LocalService, transport).getStatus({})).catch(
        (error: unknown) => ({ connection: String(error), problem: undefined }),
      );
      if (status.connection === 'connected') return;
      last = `${status.connection} ${status.problem?.message ?? ''}`;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`edge-${edge} is not connected ${withinMs} ms after everything was mended: ${last}`);
  }
}

/** What the programs of an edge run; the last one is cancelled while it sleeps. */
export const runArgv = (stack: Stack): string[] => ['sh', '-c', `sleep 0.2; cat >> ${stack.dir}/ran.txt; sleep 0.3`];
export const napArgv = (stack: Stack): string[] => ['sh', '-c', `cat >> ${stack.dir}/ran.txt; exec sleep 20 # nap`];

function edgeConfig(stack: Stack): string {
  const execute = [runArgv(stack), napArgv(stack)].map(
    (argv) => `    - argv: ${JSON.stringify(argv)}
      confirm: never
      isolation: none
      stdin: true
      output: share
`,
  );
  return `allow:
  write:
    - path: ${stack.docs}/log.txt
      confirm: never
  execute:
${execute.join('')}`;
}

function at(url: string, port: number): string {
  const there = new URL(url);
  there.port = String(port);
  return there.href;
}

/** The pieces of the model's answer: a length that follows from the question, in its language. */
export function piecesOf(question: string): string[] {
  let sum = 0;
  for (const letter of question) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9_973;
  const chinese = /\p{Script=Han}/u.test(question);
  return Array.from({ length: 6 + (sum % 24) }, (_, n) =>
    chinese ? `第${n + 1}句，绳结越拉越紧🪢。` : `word${n + 1} `,
  );
}
