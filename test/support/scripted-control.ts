// A real Connect server that plays the control plane towards workers, driven step by step by a test.
import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import {
  type JobAssignment,
  JobAssignmentSchema,
  type JobResult,
  type WorkerHello,
  WorkerService,
  WorkerWelcomeSchema,
  type WorkRequest,
  type WorkResponse,
  WorkResponseSchema,
} from '../../gen/bowline/worker/v1/worker_pb.ts';
import { Channel } from '../../src/base/channel.ts';
import { FrameCounter } from '../../src/contract/session/frames.ts';
import { provenFront } from './proven-front.ts';

type FrameOut = WorkResponse['frame'];
type FrameIn = WorkRequest['frame'];
type ValuesIn = { [F in FrameIn as F['case'] & string]: F extends { value: infer V } ? V : never };
type CaseIn = keyof ValuesIn;

/** One stream of a worker. */
export class ScriptedSession {
  readonly hello: WorkerHello;
  readonly outgoing = new Channel<WorkResponse>(10_000);
  /** Everything that came, in order. */
  readonly frames: WorkRequest[] = [];
  readonly #counter: FrameCounter;
  readonly #waiting: (() => void)[] = [];
  #ended = false;
  /** While set, frames are not read from the stream. */
  reading = Promise.resolve();

  constructor(hello: WorkerHello, counter: FrameCounter) {
    this.hello = hello;
    this.#counter = counter;
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(frame: FrameOut): void {
    this.outgoing.offer(create(WorkResponseSchema, { header: this.#counter.next(), frame }));
  }

  /** Sends a frame as it is, header included. */
  sendRaw(response: WorkResponse): void {
    this.outgoing.offer(response);
  }

  welcome(options: { heartbeatMs?: number; drop?: string[]; version?: number } = {}): this {
    const value = create(WorkerWelcomeSchema, {
      version: options.version ?? 1,
      worker: 'w-1',
      heartbeat: durationFromMs(options.heartbeatMs ?? 10_000),
      drop: options.drop ?? [],
    });
    this.send({ case: 'welcome', value });
    return this;
  }

  assign(job: Partial<Omit<JobAssignment, '$typeName'>> & { dispatchId: string; method: string }): void {
    const rest = { job: job.dispatchId, epoch: 1n, run: 'run', tenant: 'tenant', ...job };
    this.send({ case: 'job', value: create(JobAssignmentSchema, rest) });
  }

  committed(dispatchId: string): void {
    this.send({ case: 'resultCommitted', value: { $typeName: 'bowline.worker.v1.ResultCommitted', dispatchId } });
  }

  received(frame: WorkRequest): void {
    this.#counter.seen(frame.header);
    this.frames.push(frame);
    this.wake();
  }

  end(): void {
    this.#ended = true;
    this.wake();
  }

  wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Waits until `find` gives something, looking again at every frame; fails after 5 s. */
  async until<T>(find: () => T | undefined, what = 'a frame'): Promise<T> {
    const end = performance.now() + 5000;
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      const left = end - performance.now();
      if (left <= 0)
        throw new Error(`waited in vain for ${what}; got ${this.frames.map((f) => f.frame.case).join(' ')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  all<C extends CaseIn>(kind: C): ValuesIn[C][] {
    return this.frames.flatMap(({ frame }) => (frame.case === kind ? [frame.value as ValuesIn[C]] : []));
  }

  /** The n-th frame of a kind, from 0. */
  frame<C extends CaseIn>(kind: C, n = 0): Promise<ValuesIn[C]> {
    return this.until<ValuesIn[C]>(() => this.all(kind)[n], `${kind} number ${n}`);
  }

  /** The result of a job. */
  result(dispatchId: string): Promise<JobResult> {
    return this.until(() => this.all('result').find((r) => r.dispatchId === dispatchId), `the result of ${dispatchId}`);
  }

  /** Waits for a credits frame that says `free`. */
  async credits(free: number): Promise<void> {
    await this.until(() => this.all('credits').at(-1)?.free === free || undefined, `credits of ${free}`);
  }
}

export class ScriptedControl {
  readonly #server: Server;
  readonly keys: KeyPairKeyObjectResult;
  /** Raw public key by which workers know it. */
  readonly publicKey: Uint8Array;
  readonly #sessions = new Channel<ScriptedSession>(100);
  readonly #connections = new Set<ServerHttp2Session>();
  readonly seenKeys: (string | null)[] = [];
  /** When set, every call is refused with it. */
  refuse: ConnectError | undefined;

  /** @param keys by which workers know it; another start of the same control plane has the same */
  constructor(keys = generateKeyPairSync('ed25519')) {
    this.keys = keys;
    const work = (requests: AsyncIterable<WorkRequest>, context: HandlerContext) => this.#work(requests, context);
    const http2 = createServer(connectNodeAdapter({ routes: (router) => router.service(WorkerService, { work }) }));
    const front = provenFront(http2, keys);
    this.#server = front.server;
    this.publicKey = front.publicKey;
    http2.on('session', (session) => {
      this.#connections.add(session);
      session.on('close', () => this.#connections.delete(session));
    });
  }

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next stream that said Hello. */
  async session(): Promise<ScriptedSession> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no worker connected')), 5000);
    });
    const next = await Promise.race([this.#sessions.next(), late]);
    clearTimeout(timer);
    return next.value;
  }

  /** Cuts every connection without a word. */
  cut(): void {
    for (const connection of this.#connections) connection.socket?.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async *#work(requests: AsyncIterable<WorkRequest>, context: HandlerContext): AsyncGenerator<WorkResponse> {
    this.seenKeys.push(context.requestHeader.get('authorization'));
    if (this.refuse) throw this.refuse;
    const counter = new FrameCounter();
    const incoming = requests[Symbol.asyncIterator]();
    const first = await incoming.next();
    if (first.done || first.value.frame.case !== 'hello') throw new ConnectError('no hello', Code.InvalidArgument);
    const session = new ScriptedSession(first.value.frame.value, counter);
    session.received(first.value);
    this.#sessions.offer(session);
    void (async () => {
      try {
        for (;;) {
          await session.reading;
          const next = await incoming.next();
          if (next.done) break;
          session.received(next.value);
        }
      } catch {
        // The connection was cut; the test looks at `ended`.
      }
      session.end();
      session.outgoing.close();
    })();
    yield* session.outgoing;
  }
}
