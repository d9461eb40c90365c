// The real control plane on PGlite in a temporary home, in the test's own process, with clients that speak to its port.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { type CallOptions, type Client, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { AppError } from '../../src/base/errors.ts';
import { homePaths } from '../../src/base/home.ts';
import { createLogger } from '../../src/base/logger.ts';
import { type ControlConfig, controlConfig } from '../../src/control/config.ts';
import { hashKey, newKey } from '../../src/control/identity/keys.ts';
import { openDatabase } from '../../src/control/store/database.ts';
import { migrate } from '../../src/control/store/migrate.ts';
import type { ControlOptions } from '../../src/main/control-plane/options.ts';
import { type RunningControl, startControl } from '../../src/main/start-control.ts';
import { FakeEdge } from './fake-edge.ts';
import { type FakeWorkerOptions, WorkerStream } from './fake-worker.ts';

export interface TestControlOptions {
  readonly config?: Partial<ControlConfig>;
  readonly wrapStore?: NonNullable<ControlOptions['wrapStore']>;
  readonly onDatabase?: NonNullable<ControlOptions['onDatabase']>;
  /** Queue and bus of several replicas in this process. */
  readonly hubs?: NonNullable<ControlOptions['hubs']>;
  /** Other tenants, made by SQL before the start; see `ownerKeys`. */
  readonly tenants?: readonly string[];
}

/** Short times, so that what is noticed late is noticed soon. */
const QUICK: Partial<ControlConfig> = {
  port: 0,
  scanMs: 300,
  leaseMs: 3_000,
  recoverAfterMs: 300,
  workerGraceMs: 400,
  drainMs: 2_000,
};

export class TestControl {
  readonly home: string;
  /** Log lines as parsed objects, newest last. */
  readonly lines: { level: number; msg: string; [field: string]: unknown }[] = [];
  /** Owner keys by tenant. */
  readonly ownerKeys = new Map<string, string>();
  #control: RunningControl | undefined;
  #options: TestControlOptions;
  readonly #edges: { cut(): Promise<void> }[] = [];
  readonly #managers: Http2SessionManager[] = [];
  #names = 0;

  private constructor(home: string, options: TestControlOptions) {
    this.home = home;
    this.#options = options;
  }

  static async start(options: TestControlOptions = {}): Promise<TestControl> {
    const test = new TestControl(await mkdtemp(join(tmpdir(), 'bowline-test-control-')), options);
    await test.#makeTenants(options.tenants ?? []);
    await test.boot();
    return test;
  }

  get control(): RunningControl {
    if (!this.#control) throw new Error('the control plane is not running');
    return this.#control;
  }

  get url(): string {
    return this.control.url;
  }

  /** Starts it (again) on the same home, on the same port if it had one. */
  async boot(changes: Partial<TestControlOptions> = {}): Promise<void> {
    this.#options = { ...this.#options, ...changes };
    const log = createLogger('control', { write: (line) => this.lines.push(JSON.parse(line)) }, 'debug');
    const { wrapStore, onDatabase, config, hubs } = this.#options;
    const start = () =>
      startControl({
        home: this.home,
        config: { ...controlConfig({}), ...QUICK, ...config },
        clock: systemClock,
        log,
        progress: () => {},
        ...(wrapStore ? { wrapStore } : {}),
        ...(onDatabase ? { onDatabase } : {}),
        ...(hubs ? { hubs } : {}),
      });
    // One that was stopped without time still closes its database.
    this.#control = await eventually(() =>
      start().catch((error: unknown) => {
        if (error instanceof AppError && error.reason === 'HOME_LOCKED') return undefined;
        throw error;
      }),
    );
    this.ownerKeys.set(this.#control.tenant, this.#control.ownerKey);
  }

  /** Stops it; resolves to whether it ended in time. */
  async stop(deadlineMs = 2_000): Promise<boolean> {
    const control = this.#control;
    this.#control = undefined;
    return control ? control.stop(deadlineMs) : true;
  }

  /** Stops everything and removes the home. */
  async close(): Promise<void> {
    await Promise.all(this.#edges.map((each) => each.cut()));
    for (const manager of this.#managers) manager.abort();
    await this.stop();
    await rm(this.home, { recursive: true, force: true });
  }

  /** A client with a tenant's owner key, or with the given key, or with none. */
  client<S extends DescService>(service: S, key: string | undefined = this.ownerKeys.get('default')): Client<S> {
    return createClient(service, this.transport(key));
  }

  transport(key: string | undefined): Transport {
    const sessionManager = new Http2SessionManager(this.url);
    this.#managers.push(sessionManager);
    return createGrpcTransport({
      baseUrl: this.url,
      sessionManager,
      interceptors: [
        (next) => (request) => {
          if (key) request.header.set('authorization', `Bearer ${key}`);
          return next(request);
        },
      ],
    });
  }

  /** A device of the default tenant that has joined. */
  async device(name = `box-${++this.#names}`): Promise<FakeEdge> {
    return FakeEdge.join(this.url, await this.control.createJoinToken(name), name);
  }

  /** A worker session with the key of the workers beside the control plane. */
  async worker(options: FakeWorkerOptions = {}, key = this.control.workerKey): Promise<WorkerStream> {
    return this.closing(await WorkerStream.connect(this.url, key, options));
  }

  /** Cuts the stream when everything is closed. */
  closing<T extends { cut(): Promise<void> }>(stream: T): T {
    this.#edges.push(stream);
    return stream;
  }

  async #makeTenants(tenants: readonly string[]): Promise<void> {
    if (tenants.length === 0) return;
    const database = await openDatabase({ embedded: join(homePaths(this.home).control, 'pg') });
    await migrate(database.db);
    for (const id of tenants) {
      const key = newKey('owner');
      this.ownerKeys.set(id, key);
      await database.db.insertInto('tenant').values({ id, name: id }).execute();
      const row = { id: `key-${id}`, tenant: id, hash: hashKey(key), kind: 'owner' as const, revoked_at: null };
      await database.db
        .insertInto('api_key')
        .values({ ...row, scopes: JSON.stringify({}) })
        .execute();
    }
    await database.close();
  }
}

export interface Refusal {
  readonly code: string;
  readonly reason: string;
  readonly message: string;
}

/** What a call was refused with; fails when it was not. */
export async function refusal(call: Promise<unknown> | AsyncIterable<unknown>): Promise<Refusal> {
  try {
    if (Symbol.asyncIterator in call) for await (const _ of call);
    else await call;
  } catch (error) {
    return refusalOf(ConnectError.from(error));
  }
  throw new Error('it was not refused');
}

export function refusalOf(error: ConnectError): Refusal {
  const info = error.findDetails(ErrorInfoSchema)[0];
  return { code: Code[error.code], reason: info?.reason ?? '', message: error.rawMessage };
}

/** Waits until `find` gives something; for what no stream tells. */
export async function eventually<T>(
  find: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 10_000,
): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export type { CallOptions };
