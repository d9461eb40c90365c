// One worker's stream: frames in, frames out, and what placement sees of it. What jobs mean is dispatch's business.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type JobAssignment,
  type WorkerHello,
  type WorkRequest,
  WorkRequestSchema,
  type WorkResponseSchema,
} from '../../../gen/bowline/worker/v1/worker_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import { FrameCounter } from '../../contract/frames.ts';
import { validate } from '../../contract/validate.ts';
import { negotiate } from '../../contract/versions.ts';
import type { WorkerSession } from '../dispatch/session-ports.ts';
import type { WorkerJobs } from '../dispatch/worker-jobs.ts';
import type { WorkerPrincipal } from '../identity/principal.ts';
import { verifyClaim } from '../identity/workers.ts';
import type { WorkerView } from '../routing/worker-view.ts';
import { FrameStream } from './frame-stream.ts';
import { Heartbeat } from './heartbeat.ts';

type Body = NonNullable<MessageInitShape<typeof WorkResponseSchema>['frame']>;

export interface WorkerSessionParts {
  readonly jobs: WorkerJobs;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly heartbeatMs: number;
  readonly maxQueuedFrames: number;
  readonly maxFrameBytes: number;
}

export class LiveWorker implements WorkerSession {
  readonly id = newId();
  readonly hello: WorkerHello;
  readonly connectedAt: number;
  draining = false;
  lastSeen: number;
  #free = 0;
  /** Assigned since the worker last told its credits. */
  #busy = 0;
  readonly #out: FrameStream<Body>;
  readonly #view: Omit<WorkerView, 'freeSlots'>;

  constructor(
    parts: WorkerSessionParts,
    hello: WorkerHello,
    tenants: readonly string[],
    pool: string,
    out: FrameStream<Body>,
  ) {
    this.hello = hello;
    this.connectedAt = parts.clock.now();
    this.lastSeen = this.connectedAt;
    this.#out = out;
    const labels = Object.fromEntries((hello.manifest?.labels ?? []).map(({ name, value }) => [name, value]));
    const model = hello.models[0];
    this.#view = {
      id: this.id,
      replica: parts.replica,
      name: hello.name,
      packages: (hello.manifest?.capabilities ?? []).map((capability) => ({
        package: capability.package,
        methods: capability.methods.map(({ name }) => name),
        builds: [hello.manifest?.build ?? ''],
      })),
      labels,
      pool,
      tenants,
      tier: Number(labels.tier ?? 0) || 0,
      region: labels.region ?? '',
      priceMicrosPerKiloToken: Number(labels.price ?? 0) || 0,
      provider: model?.provider ?? 'none',
      locality: model?.local === false ? 'remote' : 'local',
      totalSlots: hello.slots,
    };
  }

  view(): WorkerView {
    return { ...this.#view, freeSlots: this.draining ? 0 : Math.max(this.#free, 0) };
  }

  get busy(): number {
    return this.#busy;
  }

  credits(free: number): void {
    this.#free = Math.min(free, this.hello.slots);
    this.#busy = this.hello.slots - this.#free;
  }

  assign(assignment: JobAssignment): void {
    this.#out.send({ case: 'job', value: assignment });
    this.#free -= 1;
    this.#busy += 1;
  }

  cancel(dispatchId: string, epoch: number): void {
    this.#tell({ case: 'cancel', value: { dispatchId, epoch: BigInt(epoch) } });
  }

  committed(dispatchId: string): void {
    this.#tell({ case: 'resultCommitted', value: { dispatchId } });
  }

  /** Asks the worker to go elsewhere. */
  drain(deadlineMs: number): void {
    this.draining = true;
    this.#tell({ case: 'drain', value: { deadline: durationFromMs(deadlineMs) } });
  }

  end(): void {
    this.#out.end();
  }

  #tell(body: Body): void {
    if (!this.#out.ended) this.#out.send(body);
  }
}

/** Runs one stream from Hello to its end. */
export async function* serveWorker(
  parts: WorkerSessionParts,
  principal: WorkerPrincipal,
  requests: AsyncIterable<WorkRequest>,
  opened: (worker: LiveWorker) => () => void,
): AsyncGenerator<MessageInitShape<typeof WorkResponseSchema>> {
  const counter = new FrameCounter();
  const out = new FrameStream<Body>(counter, parts.maxQueuedFrames);
  const frames = requests[Symbol.asyncIterator]();
  const first = await frames.next();
  if (first.done || first.value.frame.case !== 'hello')
    throw new AppError('INVALID_ARGUMENT', { what: 'the first frame must be hello' });
  take(counter, first.value);
  const hello = first.value.frame.value;
  const version = negotiate(hello.versions);
  const packages = (hello.manifest?.capabilities ?? []).map((capability) => capability.package);
  const tenants = verifyClaim(principal, { packages, pool: principal.pool, tenants: [] });
  const worker = new LiveWorker(parts, hello, tenants, principal.pool, out);
  const log = parts.log.child({ worker: worker.id, name: hello.name });
  const closed = opened(worker);
  const heartbeat = new Heartbeat({
    clock: parts.clock,
    intervalMs: parts.heartbeatMs,
    ping: (nonce) => out.ended || out.send({ case: 'ping', value: { nonce } }),
    dead: () => out.end(new AppError('PEER_SILENT', { peer: `worker ${hello.name}`, ms: 2 * parts.heartbeatMs })),
  });
  try {
    const drop = await parts.jobs.connected(worker, hello.held);
    out.send({
      case: 'welcome',
      value: {
        version,
        worker: worker.id,
        heartbeat: durationFromMs(parts.heartbeatMs),
        limits: { maxFrameBytes: parts.maxFrameBytes },
        drop,
      },
    });
    log.info('a worker connected', { slots: hello.slots, provider: worker.view().provider });
    void read(parts, worker, frames, counter, out, heartbeat).then(
      () => out.end(),
      (error: unknown) => out.end(error),
    );
    yield* out.frames();
  } finally {
    heartbeat.stop();
    out.end();
    closed();
    await parts.jobs.gone(worker);
    log.info('a worker left');
  }
}

async function read(
  parts: WorkerSessionParts,
  worker: LiveWorker,
  frames: AsyncIterator<WorkRequest>,
  counter: FrameCounter,
  out: FrameStream<Body>,
  heartbeat: Heartbeat,
): Promise<void> {
  for (;;) {
    const next = await frames.next();
    if (next.done) return;
    heartbeat.heard();
    worker.lastSeen = parts.clock.now();
    take(counter, next.value);
    const { frame, header } = next.value;
    switch (frame.case) {
      case 'credits':
        worker.credits(frame.value.free);
        parts.jobs.credits(worker);
        break;
      case 'output':
        parts.jobs.output(worker, frame.value);
        break;
      case 'result':
        parts.jobs.result(worker, frame.value);
        break;
      case 'ping':
        out.send({ case: 'pong', value: { nonce: frame.value.nonce } });
        break;
      case 'pong':
      case 'unimplemented':
        break;
      case 'drain':
        worker.draining = true;
        break;
      case 'log':
        parts.log.info('a worker says', { worker: worker.id, level: frame.value.level, line: frame.value.message });
        break;
      case 'hello':
        throw new AppError('INVALID_ARGUMENT', { what: 'a second hello in one session' });
      default:
        out.send({ case: 'unimplemented', value: { seq: header?.seq ?? 0n } });
    }
  }
}

/** Counts a frame and checks it; a frame of an unknown case is left to the reader. */
function take(counter: FrameCounter, frame: WorkRequest): void {
  counter.seen(frame.header);
  if (frame.frame.case !== undefined) validate(WorkRequestSchema, frame);
}
