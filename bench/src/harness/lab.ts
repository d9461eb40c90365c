// What the measurements share: one Postgres and one Redis with real durability, control planes as the built programs with a
// lean edge and worker, and the peers. Everything starts when it is first asked for and ends with the lab.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../test/support/free-port.ts';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres.ts';
import type { Program } from '../../../test/support/program.ts';
import { startRedis, type TestRedis } from '../../../test/support/redis.ts';
import { Stack } from '../../../test/support/stack.ts';
import { AgentProcess } from './agent-process.ts';
import { postmaster } from './cpu.ts';
import { Inspector } from './inspector.ts';
import { startRestate } from './restate-server.ts';

/** The folder of an `up`. */
export const NOTES = { 'launch.md': '# Launch\n\nThe launch is on Friday.\n' };

export type Stores = 'servers' | 'embedded';

/** How long a job may wait for its worker in the one case in which the bench starts them together, in milliseconds. */
const READY_MS = 90_000;

/** A control plane with one connected edge and one worker, each a process. */
export interface Bowline {
  readonly stack: Stack;
  readonly control: Program;
  readonly edge: AgentProcess;
  readonly worker: AgentProcess;
  /** Every process that works for it, those of its stores included. */
  readonly pids: readonly number[];
  /** URL of its database; undefined when embedded. */
  readonly database: string | undefined;
  /** The debugger of the control plane, for its heap and its profile. */
  inspect(): Promise<Inspector>;
}

/** A peer: its load generator, and every process that works for it. */
export interface Peer {
  readonly agent: AgentProcess;
  readonly pids: readonly number[];
}

export interface BowlineOptions {
  /** Makes the control plane open to a debugger from its start. Default false. */
  readonly inspected?: boolean;
  /** Added to the environment of its control plane. */
  readonly env?: Readonly<Record<string, string>>;
  /** Name of its database; a number is added. */
  readonly name?: string;
}

export class Lab {
  readonly #closing: (() => Promise<void>)[] = [];
  readonly #shared = new Map<string, Promise<unknown>>();
  #databases = 0;

  /** Postgres with fsync, as production has it; Bowline and DBOS each get databases of it. */
  postgres(): Promise<TestPostgres> {
    return this.once('postgres', async () => {
      const postgres = await startPostgres();
      this.#closing.push(() => postgres.stop());
      return postgres;
    });
  }

  /** Redis with an append-only file, synced every second. */
  redis(): Promise<TestRedis> {
    return this.once('redis', async () => {
      const redis = await startRedis({ appendonly: true, args: ['--appendfsync', 'everysec'] });
      this.#closing.push(() => redis.stop());
      return redis;
    });
  }

  /** A fresh database and its URL. */
  async database(name: string): Promise<string> {
    return (await this.postgres()).createDatabase(`${name}_${++this.#databases}`);
  }

  /** The control plane that the measurements of speed share, one for each kind of store. */
  bowline(stores: Stores): Promise<Bowline> {
    return this.once(`bowline ${stores}`, () => this.newBowline(stores));
  }

  async newBowline(stores: Stores, options: BowlineOptions = {}): Promise<Bowline> {
    const { stack, control, database, inspect } = await this.control(stores, options);
    const [edge, worker] = await this.pair(stack.url, stack);
    const pids = [control.pid, edge.pid, worker.pid];
    if (database) pids.push(await postmaster(database), (await this.redis()).pid ?? -1);
    return { stack, control, edge, worker, pids, database, inspect };
  }

  /** An edge and a worker that are connected at this address, with the keys of this home. */
  async pair(url: string, { home, ownerKey }: Stack): Promise<readonly [edge: AgentProcess, worker: AgentProcess]> {
    const [edge, worker] = await Promise.all([this.agent('edge'), this.agent('worker')]);
    await worker.call('connect', { url, key: workerKey(home) });
    await edge.call('connect', { url, ownerKey, name: `bench-${edge.pid}` });
    return [edge, worker];
  }

  /** The control plane alone. */
  async control(stores: Stores, { inspected = false, name = 'bowline', env = {} }: BowlineOptions = {}) {
    const stack = await this.stack();
    const database = stores === 'servers' ? await this.database(name) : undefined;
    if (database) {
      stack.env.DATABASE_URL = database;
      stack.env.REDIS_URL = (await this.redis()).url;
      // Unique, as its database is; several may start at once.
      stack.env.BOWLINE_REDIS_PREFIX = `bench-${new URL(database).pathname.slice(1)}`;
    }
    const port = inspected ? await freePort() : 0;
    if (inspected) stack.env.NODE_OPTIONS = `--inspect=127.0.0.1:${port}`;
    Object.assign(stack.env, env);
    const control = await startControl(stack);
    delete stack.env.NODE_OPTIONS;
    const inspect = () => Inspector.attach(port);
    return { stack, control, database, inspect };
  }

  /** A whole Bowline by `up`, as a user has it: what the command line is asked of. */
  up(): Promise<{ readonly stack: Stack; readonly pid: number }> {
    return this.once('up', async () => {
      const stack = await this.stack(NOTES);
      // As the launcher sets them.
      Object.assign(stack.env, { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' });
      const { program } = await stack.up();
      return { stack, pid: program.pid };
    });
  }

  /** Two control planes on one Postgres and one Redis, each with a home of its own. */
  replicas(): Promise<readonly [Stack, Stack]> {
    return this.once('replicas', async () => {
      const { stack } = await this.control('servers', { name: 'replicas' });
      const other = await this.stack();
      Object.assign(other.env, stack.env);
      await startControl(other);
      return [stack, other];
    });
  }

  /** A home of its own, in which nothing runs; closed with the lab at the latest. */
  async stack(files: Readonly<Record<string, string>> = {}): Promise<Stack> {
    const stack = await Stack.create(files);
    this.#closing.push(() => stack.close());
    return stack;
  }

  /** Does this when the lab is closed; what came last is first. */
  onClose(close: () => Promise<void>): void {
    this.#closing.push(close);
  }

  /** A process of the benchmark, ended with the lab. */
  async agent(name: string, options: Parameters<typeof AgentProcess.start>[1] = {}): Promise<AgentProcess> {
    const agent = await AgentProcess.start(name, options);
    this.#closing.push(() => agent.stop());
    return agent;
  }

  /** DBOS on a database of its own. */
  dbos(): Promise<Peer> {
    return this.once('dbos', async () => {
      const [agent, url] = await Promise.all([this.agent('dbos'), this.database('dbos')]);
      await agent.call('connect', { url });
      return { agent, pids: [agent.pid, await postmaster(url)] };
    });
  }

  /** Restate: its server, a service and a caller, each a process. */
  restate(): Promise<Peer> {
    return this.once('restate', async () => {
      const server = await startRestate();
      this.#closing.push(() => server.stop());
      const [service, caller, port] = [
        await this.agent('restate-service'),
        await this.agent('restate'),
        await freePort(),
      ];
      await service.call('listen', { port });
      await server.register(port);
      await caller.call('connect', { port: server.ingress });
      return { agent: caller, pids: [caller.pid, service.pid, server.pid] };
    });
  }

  /** BullMQ on the same Redis: a producer and a worker, each a process. */
  bullmq(): Promise<Peer> {
    return this.once('bullmq', async () => {
      const [{ port, pid }, producer, worker] = [
        await this.redis(),
        await this.agent('bullmq'),
        await this.agent('bullmq-worker'),
      ];
      const place = { port, queue: 'bench-bullmq' };
      await worker.call('connect', place);
      await producer.call('connect', place);
      return { agent: producer, pids: [producer.pid, worker.pid, pid ?? -1] };
    });
  }

  /** Calls `make` at the first time only. */
  once<T>(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.#shared.get(name) ?? make();
    this.#shared.set(name, known);
    return known as Promise<T>;
  }

  /** What `once` made, which is forgotten: the next one gets another. */
  take<T>(name: string, make: () => Promise<T>): Promise<T> {
    const made = this.once(name, make);
    this.#shared.delete(name);
    return made;
  }

  /** Ends everything, last started first. */
  async close(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }
}

export const workerKey = (home: string): string => readFileSync(join(home, 'control/worker.key'), 'utf8').trim();

/** Starts the control plane of a stack, the first time or again. */
export async function startControl(stack: Stack): Promise<Program> {
  const control = stack.start('control', ['--port', String(stack.port)]);
  await control.ready(READY_MS);
  return control;
}
