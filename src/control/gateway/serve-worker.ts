// One worker's stream, from Hello to its end: frames in, frames out. What jobs mean is dispatch's business. When it ends,
// for whatever reason, it is left at once; the stream itself follows when its reader takes the end, or is reset.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type WorkRequest,
  WorkRequestSchema,
  type WorkResponseSchema,
} from '../../../gen/bowline/worker/v1/worker_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { sparing } from '../../base/sparing-logger.ts';
import { toAppError, toFailure } from '../../contract/errors.ts';
import { isGone } from '../../contract/is-gone.ts';
import { answerFrame } from '../../contract/session/answer-frame.ts';
import { FrameCounter } from '../../contract/session/frames.ts';
import { Heartbeat } from '../../contract/session/heartbeat.ts';
import { validate } from '../../contract/validate.ts';
import { negotiate } from '../../contract/versions.ts';
import type { Circuits } from '../dispatch/workers/circuits.ts';
import type { WorkerJobs } from '../dispatch/workers/worker-jobs.ts';
import { type Plugins, verifyContract } from '../identity/plugins.ts';
import type { WorkerPrincipal } from '../identity/principal.ts';
import { verifyClaim } from '../identity/workers.ts';
import { LiveWorker, type WorkerBody } from './live-worker.ts';
import { bindStream, firstFrame, helloMs, mustBeLive, type StreamEnds } from './opening.ts';
import { type PeerQueue, peerQueue } from './peer-queue.ts';

export interface WorkerSessionParts {
  readonly jobs: WorkerJobs;
  readonly replica: string;
  readonly plugins: Pick<Plugins, 'find'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly heartbeatMs: number;
  readonly maxQueuedFrames: number;
  readonly maxQueuedBytes: number;
  readonly maxFrameBytes: number;
  readonly restOf: Circuits['restOf'];
}

/** Runs one stream. `opened` is told of the live session and returns what to call at its end. */
export async function* serveWorker(
  parts: WorkerSessionParts,
  principal: WorkerPrincipal,
  requests: AsyncIterable<WorkRequest>,
  ends: StreamEnds,
  opened: (worker: LiveWorker) => () => void,
): AsyncGenerator<MessageInitShape<typeof WorkResponseSchema>> {
  const { clock, heartbeatMs, jobs, maxFrameBytes, plugins, replica } = parts;
  const counter = new FrameCounter();
  const out: PeerQueue<WorkerBody> = peerQueue<WorkerBody>({
    ...parts,
    counter,
    onBurst: ends.gather,
    onSent: (body, seq) => worker.numbered(body, seq),
  });
  const frames = requests[Symbol.asyncIterator]();
  const first = await firstFrame(frames, clock, helloMs(heartbeatMs));
  counter.seen(first.header);
  validate(WorkRequestSchema, first);
  if (first.frame.case !== 'hello') throw new AppError('INVALID_ARGUMENT', { what: 'the first frame must be hello' });
  const hello = first.frame.value;
  const version = negotiate(hello.versions);
  const capabilities = hello.manifest?.capabilities ?? [];
  const packages = capabilities.map((capability) => capability.package);
  bindStream(out, ends, clock, heartbeatMs);
  const tenants = verifyClaim(principal, { packages, pool: principal.pool, tenants: [] });
  for (const { package: name, descriptorSha256 } of capabilities)
    await verifyContract(plugins, tenants, { package: name, descriptorSha256 });
  const now = clock.now();
  const worker = new LiveWorker({
    hello,
    key: principal.id,
    tenants,
    pool: principal.pool,
    replica,
    out,
    maxFrameBytes,
    now,
    restOf: parts.restOf,
  });
  const log = sparing(parts.log.child({ worker: worker.id, name: hello.name }), clock);
  if (out.ended) return;
  const left = opened(worker);
  const heartbeat = new Heartbeat({
    clock,
    intervalMs: heartbeatMs,
    ping: (nonce) => out.offer({ case: 'ping', value: { nonce } }),
    silent: () => out.end(new AppError('PEER_SILENT', { peer: `worker ${hello.name}`, ms: 2 * heartbeatMs })),
  });
  out.onEnd(() => {
    heartbeat.stop();
    left();
    jobs.sessionEnded(worker);
    log.info('a worker left');
  });
  try {
    const mustLive = () => mustBeLive(out, ends, clock, helloMs(heartbeatMs));
    const drop = await jobs.connected(worker, hello.held, mustLive);
    // It ended while its jobs were looked up: what was adopted for it has no holder again.
    if (out.ended) jobs.sessionEnded(worker);
    out.offer({
      case: 'welcome',
      value: { version, worker: worker.id, heartbeat: durationFromMs(heartbeatMs), limits: { maxFrameBytes }, drop },
    });
    log.info('a worker connected', { slots: hello.slots, provider: worker.view().provider });
    read({ ...parts, log, worker, counter, out, heartbeat }, frames).then(
      () => out.end(),
      (error: unknown) => out.end(isGone(error) ? undefined : error),
    );
    yield* out.frames();
  } finally {
    out.end();
  }
}

interface Reading extends WorkerSessionParts {
  readonly worker: LiveWorker;
  readonly counter: FrameCounter;
  readonly out: PeerQueue<WorkerBody>;
  readonly heartbeat: Heartbeat;
}

async function read(session: Reading, frames: AsyncIterator<WorkRequest>): Promise<void> {
  const { clock, counter, heartbeat, jobs, out, worker } = session;
  for (;;) {
    const next = await frames.next();
    if (next.done || out.ended) return;
    heartbeat.heard();
    worker.lastSeen = clock.now();
    counter.seen(next.value.header);
    const { frame, header } = next.value;
    const problem = problemOf(next.value);
    if (problem) {
      leaveOut(session, frame, problem);
      continue;
    }
    switch (frame.case) {
      case 'credits':
        worker.credits(frame.value.free, header?.ackSeq ?? 0n);
        jobs.kick();
        break;
      case 'output':
        jobs.output(worker, frame.value);
        break;
      case 'result':
        jobs.result(worker, frame.value);
        break;
      case 'progress':
        jobs.progress(worker, frame.value);
        break;
      case 'childCall':
        jobs.childCall(worker, frame.value);
        break;
      case 'drain':
        worker.draining = true;
        jobs.drains();
        break;
      case 'hello':
        throw new AppError('INVALID_ARGUMENT', { what: 'a second hello in one session' });
      default:
        answerFrame(header, frame, out);
    }
  }
}

/** What breaks the contract in a frame. One without a body that is known here is left to the reader. */
function problemOf(request: WorkRequest): AppError | undefined {
  if (request.frame.case === undefined) return undefined;
  try {
    validate(WorkRequestSchema, request);
    return undefined;
  } catch (error) {
    return toAppError(error);
  }
}

/** A frame that is not taken ends the job that it belongs to, never the session, in which jobs of others run. */
function leaveOut({ jobs, log, worker }: Reading, frame: WorkRequest['frame'], problem: AppError): void {
  log.warn('a frame of a worker was not taken', { frame: frame.case, why: problem.message });
  switch (frame.case) {
    case 'output':
    case 'result':
      jobs.refused(
        worker,
        frame.value,
        new AppError('MESSAGE_REFUSED', { what: frame.case, problem: problem.message }),
      );
      break;
    case 'childCall': {
      const { dispatchId, epoch, number } = frame.value;
      worker.childResult({ dispatchId, epoch, number, result: { case: 'failure', value: toFailure(problem) } });
      break;
    }
    case 'hello':
      throw problem;
  }
}
