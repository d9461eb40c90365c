// Two replicas of the control plane in this process whose every call of store, queue and bus may fail, hang, or succeed and
// then report a timeout, by a seed; a worker and an edge as programs beside them.
import { cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { homePaths } from '../../src/base/home.ts';
import { createLogger } from '../../src/base/logger.ts';
import { controlConfig } from '../../src/control/config.ts';
import { MemoryBusHub } from '../../src/control/queue/memory-bus.ts';
import { MemoryQueueHub } from '../../src/control/queue/memory-queue.ts';
import type { DispatchPorts } from '../../src/main/control-plane/options.ts';
import { type RunningControl, startControl } from '../../src/main/start-control.ts';
import { faultyBus } from '../support/faults/faulty-bus.ts';
import { type CallFault, type FaultyCalls, faultyCalls } from '../support/faults/faulty-calls.ts';
import { faultyQueue } from '../support/faults/faulty-queue.ts';
import { faultySql } from '../support/faults/faulty-sql.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { SlowModel } from '../support/slow-model.ts';
import { built, Stack } from '../support/stack.ts';
import { onControl, onEdge, type Transport } from './clients.ts';
import { Link } from './link.ts';
import type { Part } from './part.ts';
import { connected, edgePart, piecesOf, workerPart } from './programs.ts';
import type { Site } from './site.ts';

const ENV = {
  BOWLINE_HEARTBEAT_MS: '1000',
  BOWLINE_WORKER_GRACE_MS: '500',
  BOWLINE_RECOVER_AFTER_MS: '500',
  BOWLINE_SCAN_MS: '300',
  BOWLINE_LEASE_MS: '1500',
  BOWLINE_PORT: '0',
};
/** Of each call. A hang ends as those of real adapters do, only sooner. */
const CALLS = { fail: 0.06, timeout: 0.06, hang: 0.02, hangMs: 400 };
/** Of each statement, as errors of the server of all classes. */
const SQL = { before: 0.03, after: 0.02 };
const BUS = {
  drop: 0.1,
  delay: 0.1,
  repeat: 0.1,
  reorder: 0.1,
  failPublish: 0.05,
  failAfterPublish: 0.05,
  hangPublish: 0.02,
  failSubscribe: 0.1,
  failAfterSubscribe: 0.1,
  hangSubscribe: 0.05,
  hangMs: 400,
};
const QUEUE = { ...CALLS, lose: 0.05, repeat: 0.05, dropWake: 0.1, reorder: 0.1 };

interface Replica {
  readonly control: RunningControl;
  readonly heal: () => void;
}

export class FaultySite implements Site {
  readonly edges = 1;
  readonly redis = undefined;
  readonly databaseUrl: string;
  readonly model = new SlowModel({ piecesOf, pauseMs: 20 });
  /** Everything that both replicas logged, as lines. */
  readonly lines: string[] = [];
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), 'bowline-faulty-')));
  readonly #replicas: Replica[] = [];
  readonly #parts: Part[] = [];
  readonly #links: Link[] = [];
  /** How often each SQLSTATE was given, over both replicas. */
  readonly sqlErrors = new Map<string, number>();
  readonly #faulty: { readonly name: string; readonly calls: FaultyCalls<object> }[] = [];
  #edge: Stack | undefined;

  private constructor(databaseUrl: string) {
    this.databaseUrl = databaseUrl;
  }

  /** With faults from the first moment on, until `heal`. */
  static async start(postgres: TestPostgres, seed: number): Promise<FaultySite> {
    const site = new FaultySite(await postgres.createDatabase(`faulty_${seed}`));
    try {
      await site.#begin(seed);
    } catch (error) {
      await site.close();
      throw error;
    }
    return site;
  }

  replicas(): string[] {
    return this.#replicas.map(({ control }) => control.replica);
  }

  control<T>(act: (transport: Transport) => Promise<T>): Promise<T> {
    return onControl(this.#links[0]?.port ?? 0, this.#replicas[0]?.control.ownerKey ?? '', act);
  }

  edge<T>(_number: number, act: (transport: Transport) => Promise<T>): Promise<T> {
    const { home, ownerKey } = this.edgeStack();
    return onEdge(homePaths(home).socket, ownerKey, act);
  }

  edgeStack(): Stack {
    if (!this.#edge) throw new Error('there is no edge yet');
    return this.#edge;
  }

  /** How often each fault was played so far, over both replicas, by `port.call`. */
  played(): Map<string, Record<CallFault, number>> {
    const sums = new Map<string, Record<CallFault, number>>();
    for (const { name, calls } of this.#faulty) {
      for (const [call, counts] of calls.played) {
        const sum = sums.get(`${name}.${call}`) ?? { none: 0, fail: 0, timeout: 0, hang: 0 };
        for (const fault of Object.keys(sum) as CallFault[]) sum[fault] += counts[fault];
        sums.set(`${name}.${call}`, sum);
      }
    }
    return sums;
  }

  /** From now on every call passes. */
  heal(): void {
    for (const { heal } of this.#replicas) heal();
  }

  async close(): Promise<void> {
    this.heal();
    for (const { stack } of this.#parts.reverse()) await stack.close();
    for (const { control } of this.#replicas) await control.stop(2_000);
    for (const link of this.#links) await link.cut();
    await this.model.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #begin(seed: number): Promise<void> {
    await this.model.listen();
    const log = createLogger('control', { write: (line) => void this.lines.push(line) }, 'debug');
    const hubs = { queue: new MemoryQueueHub(systemClock, log), bus: new MemoryBusHub(log) };
    for (const n of [1, 2]) this.#replicas.push(await this.#replica(n, seed, hubs));
    const ports = this.#replicas.map(({ control }) => Number(new URL(control.url).port));
    const [, toWorker, toEdge] = await Promise.all(
      ['api', 'worker', 'edge'].map((name, n) => this.#link(name, ports, n)),
    );
    if (!toWorker || !toEdge) throw new Error('no links');
    const stack = async (name: string) => Stack.create({}, { name: join(this.#folder, name), dist: await built() });
    const key = join(this.#folder, 'control-1', 'control', 'worker.key');
    const worker = workerPart('worker-1', await stack('worker-'), {
      link: toWorker,
      key,
      model: this.model,
      slots: 4,
      drainS: 1,
    });
    await this.#run(worker);
    this.#edge = await stack('edge-');
    await this.#run(await edgePart('edge-1', this.#edge, { link: toEdge, site: this }));
    await connected(this, 1, 30_000);
  }

  async #replica(n: number, seed: number, hubs: { queue: MemoryQueueHub; bus: MemoryBusHub }): Promise<Replica> {
    const home = join(this.#folder, `control-${n}`);
    // One owner for both, as one who runs several replicas has.
    if (n > 1)
      cpSync(homePaths(join(this.#folder, 'control-1')).ownerKey, homePaths(home).ownerKey, { recursive: true });
    const heals: (() => void)[] = [];
    let salt = seed * 1_000 + n * 100;
    const calls = <T extends object>(name: string, port: T): T => {
      const faulty = faultyCalls(port, { ...CALLS, seed: ++salt }, { reason: 'STORE_UNAVAILABLE', clock: systemClock });
      heals.push(faulty.heal);
      this.#faulty.push({ name, calls: faulty });
      return faulty.port;
    };
    const control = await startControl({
      home,
      config: controlConfig({ ...ENV, DATABASE_URL: this.databaseUrl }),
      clock: systemClock,
      log: createLogger(`control-${n}`, { write: (line) => void this.lines.push(line) }, 'debug'),
      progress: () => {},
      hubs,
      onDatabase: (database) => {
        const sql = faultySql(database, { ...SQL, seed: ++salt });
        heals.push(() => {
          sql.heal();
          for (const [code, times] of sql.played) this.sqlErrors.set(code, (this.sqlErrors.get(code) ?? 0) + times);
        });
      },
      wrapStore: (store) => calls('store', store),
      wrapPorts: (ports): DispatchPorts => {
        const queue = faultyQueue(ports.queue, { ...QUEUE, seed: ++salt });
        const bus = faultyBus(ports.bus, { ...BUS, seed: ++salt }, systemClock);
        heals.push(queue.heal, bus.heal);
        return {
          outbox: calls('outbox', ports.outbox),
          leases: calls('leases', ports.leases),
          timers: calls('timers', ports.timers),
          queue,
          bus,
        };
      },
    });
    return { control, heal: () => void heals.map((heal) => heal()) };
  }

  async #link(name: string, ports: readonly number[], first: number): Promise<Link> {
    const link = new Link(name, ports, first);
    await link.listen();
    this.#links[first] = link;
    return link;
  }

  async #run(part: Part): Promise<void> {
    this.#parts.push(part);
    part.start();
    await part.ready(30_000);
  }
}
