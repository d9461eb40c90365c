// One edge's stream, from Hello to its end. Every accepted connection gets a new epoch; all that it writes carries it.
import { randomBytes } from 'node:crypto';
import { type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { durationFromMs, durationMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponseSchema,
  Durability,
  type Hello,
  type ToolCall,
  type UserEvent,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { type Manifest, ManifestSchema } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { toFailure } from '../../contract/errors.ts';
import { FrameCounter } from '../../contract/frames.ts';
import { signToolCall, type ToolCallSigner } from '../../contract/tool-call.ts';
import { validate } from '../../contract/validate.ts';
import { negotiate } from '../../contract/versions.ts';
import type { DeviceCalls } from '../dispatch/device-calls.ts';
import type { RunFeeds } from '../dispatch/run-feeds.ts';
import type { DeviceSession } from '../dispatch/session-ports.ts';
import type { Device, Devices } from '../identity/devices.ts';
import type { DevicePrincipal } from '../identity/principal.ts';
import type { RunService } from '../orchestrator/run-service.ts';
import { type EdgeBody, EdgeFollows } from './edge-follows.ts';
import { FrameStream } from './frame-stream.ts';
import { Heartbeat } from './heartbeat.ts';

export interface EdgeSessionParts {
  readonly runs: RunService;
  readonly calls: DeviceCalls;
  readonly feeds: RunFeeds;
  readonly devices: Devices;
  readonly signer: ToolCallSigner & { readonly publicKey: Uint8Array };
  readonly model: () => ModelInfo | undefined;
  readonly durability: 'power' | 'process';
  readonly clock: Clock;
  readonly log: Logger;
  readonly heartbeatMs: number;
  readonly maxQueuedFrames: number;
  readonly maxFrameBytes: number;
}

/** How often an open session writes that it was seen and checks that its epoch still stands. */
const SEEN_MS = 30_000;

export class LiveEdge implements DeviceSession {
  readonly tenant: string;
  readonly device: string;
  readonly deviceName: string;
  readonly epoch: number;
  readonly connectedAt: number;
  readonly nonce = randomBytes(16);
  readonly #out: FrameStream<EdgeBody>;
  readonly #signer: ToolCallSigner;
  #manifest: Manifest | undefined;
  #methods: ReadonlySet<string> = new Set();
  lastSeen: number;

  constructor(principal: DevicePrincipal, epoch: number, out: FrameStream<EdgeBody>, parts: EdgeSessionParts) {
    this.tenant = principal.tenant;
    this.device = principal.id;
    this.deviceName = principal.name;
    this.epoch = epoch;
    this.connectedAt = parts.clock.now();
    this.lastSeen = this.connectedAt;
    this.#out = out;
    this.#signer = parts.signer;
  }

  get manifest(): Manifest | undefined {
    return this.#manifest;
  }

  set manifest(manifest: Manifest | undefined) {
    this.#manifest = manifest;
    this.#methods = new Set(
      (manifest?.capabilities ?? []).flatMap(({ package: pkg, methods }) =>
        methods.map(({ name }) => `${pkg}/${name}`),
      ),
    );
  }

  serves(method: string): boolean {
    const slash = method.indexOf('/');
    const service = method.slice(0, slash);
    return this.#methods.has(`${service.slice(0, service.lastIndexOf('.'))}${method.slice(slash)}`);
  }

  call(call: ToolCall): void {
    call.sessionNonce = this.nonce;
    this.#out.send({ case: 'toolCall', value: signToolCall(call, this.#signer) });
  }

  cancel(job: string, epoch: number): void {
    this.#tell({ case: 'cancelTool', value: { job, epoch: BigInt(epoch) } });
  }

  committed(job: string, epoch: number, idempotencyKey: string): void {
    this.#tell({ case: 'toolResultCommitted', value: { job, epoch: BigInt(epoch), idempotencyKey } });
  }

  /** Another session of this device took over: terminal for this one. */
  supersede(epoch: number, reason: 'SUPERSEDED' | 'QUARANTINED' = 'SUPERSEDED'): void {
    this.#tell({ case: 'superseded', value: { sessionEpoch: BigInt(epoch), reason } });
    this.#out.end();
  }

  /** Asks the edge to connect elsewhere. */
  drain(deadlineMs: number): void {
    this.#tell({ case: 'drain', value: { deadline: durationFromMs(deadlineMs) } });
  }

  end(): void {
    this.#out.end();
  }

  #tell(body: EdgeBody): void {
    if (!this.#out.ended) this.#out.send(body);
  }
}

/** Runs one stream. `opened` is told of the live session and returns what to call at its end. */
export async function* serveEdge(
  parts: EdgeSessionParts,
  principal: DevicePrincipal,
  requests: AsyncIterable<ConnectRequest>,
  opened: (edge: LiveEdge) => () => void,
): AsyncGenerator<MessageInitShape<typeof ConnectResponseSchema>> {
  const counter = new FrameCounter();
  const out = new FrameStream<EdgeBody>(counter, parts.maxQueuedFrames);
  const frames = requests[Symbol.asyncIterator]();
  const first = await frames.next();
  if (first.done || first.value.frame.case !== 'hello') {
    throw new AppError('INVALID_ARGUMENT', { what: 'the first frame must be hello' });
  }
  take(counter, first.value);
  const hello = first.value.frame.value;
  const version = negotiate(hello.versions);
  const ref = { tenant: principal.tenant, id: principal.id };
  const known = await parts.devices.byId(ref.tenant, ref.id);
  const epoch = await parts.devices.nextSessionEpoch(ref);
  const log = parts.log.child({ device: principal.id, name: principal.name, epoch });
  const edge = new LiveEdge(principal, epoch, out, parts);
  if (known.state === 'quarantined' || isFork(known, hello)) {
    if (known.state !== 'quarantined')
      await parts.devices.quarantine(ref, 'its journal is behind or different', 'control');
    log.warn('a device is quarantined: its journal does not fit what was anchored');
    edge.supersede(epoch, 'QUARANTINED');
    return yield* out.frames();
  }
  edge.manifest = hello.manifest;
  const journal = hello.journal!;
  const anchor = { id: journal.journalId, sequence: Number(journal.sequence), head: journal.headHash };
  await parts.devices.saveSession(ref, epoch, { manifest: toBinary(ManifestSchema, hello.manifest!), journal: anchor });
  const follows = new EdgeFollows({
    feeds: parts.feeds,
    tenant: ref.tenant,
    device: ref.id,
    clock: parts.clock,
    log,
    wake: () => out.wake(),
  });
  const closed = opened(edge);
  const heartbeat = new Heartbeat({
    clock: parts.clock,
    intervalMs: parts.heartbeatMs,
    ping: (nonce) => out.ended || out.send({ case: 'ping', value: { nonce } }),
    dead: () => out.end(new AppError('PEER_SILENT', { peer: `device ${principal.name}`, ms: 2 * parts.heartbeatMs })),
  });
  const stopSeeing = keepSeen(parts, edge, ref);
  try {
    const model = parts.model();
    out.send({
      case: 'welcome',
      value: {
        version,
        sessionEpoch: BigInt(epoch),
        sessionNonce: edge.nonce,
        resumeToken: randomBytes(16),
        durability: parts.durability === 'power' ? Durability.POWER : Durability.PROCESS,
        heartbeat: durationFromMs(parts.heartbeatMs),
        signingKey: { keyId: parts.signer.id, publicKey: parts.signer.publicKey },
        limits: { maxFrameBytes: parts.maxFrameBytes },
        deviceName: principal.name,
        now: timestampFromMs(parts.clock.now()),
        anchor: { journalId: anchor.id, sequence: BigInt(anchor.sequence), headHash: anchor.head },
        ...(model ? { model } : {}),
      },
    });
    log.info('an edge connected', { journal: anchor.sequence });
    for (const follow of hello.follows) follows.follow(follow.run, follow);
    out.pullFrom(() => follows.next());
    await parts.calls.connected(edge, hello.openToolCalls);
    read({ parts, edge, follows, frames, counter, out, heartbeat, log }).then(
      () => out.end(),
      (error: unknown) => out.end(error),
    );
    yield* out.frames();
  } finally {
    heartbeat.stop();
    stopSeeing();
    out.end();
    follows.close();
    closed();
    await parts.calls.gone(edge);
    log.info('an edge left');
  }
}

interface Reading {
  readonly parts: EdgeSessionParts;
  readonly edge: LiveEdge;
  readonly follows: EdgeFollows;
  readonly frames: AsyncIterator<ConnectRequest>;
  readonly counter: FrameCounter;
  readonly out: FrameStream<EdgeBody>;
  readonly heartbeat: Heartbeat;
  readonly log: Logger;
}

async function read(session: Reading): Promise<void> {
  const { parts, edge, follows, frames, counter, out, heartbeat } = session;
  for (;;) {
    const next = await frames.next();
    if (next.done) return;
    heartbeat.heard();
    edge.lastSeen = parts.clock.now();
    take(counter, next.value);
    const { frame, header } = next.value;
    switch (frame.case) {
      // Asks and cancels are taken one after the other: their order is the owner's.
      case 'userEvent':
        await ask(session, frame.value);
        break;
      case 'cancelRun':
        await cancel(session, frame.value.run, frame.value.sequence);
        break;
      case 'toolReceived':
        parts.calls.received(edge, frame.value.job, Number(frame.value.epoch));
        break;
      case 'toolProgress':
        parts.calls.progress(edge, frame.value);
        break;
      case 'toolResult':
        void parts.calls.result(edge, frame.value);
        break;
      case 'followRun':
        follows.follow(frame.value.run, frame.value);
        break;
      case 'manifest':
        edge.manifest = frame.value;
        await parts.devices.saveSession({ tenant: edge.tenant, id: edge.device }, edge.epoch, {
          manifest: toBinary(ManifestSchema, frame.value),
        });
        break;
      case 'ping':
        out.send({ case: 'pong', value: { nonce: frame.value.nonce } });
        break;
      case 'goodbye':
        return;
      case 'pong':
      case 'metrics':
      case 'unimplemented':
        break;
      case 'hello':
        throw new AppError('INVALID_ARGUMENT', { what: 'a second hello in one session' });
      default:
        out.send({ case: 'unimplemented', value: { seq: header?.seq ?? 0n } });
    }
  }
}

async function ask({ parts, edge, follows, out, log }: Reading, event: UserEvent): Promise<void> {
  const settled = { sequence: event.sequence, run: event.run, settledEvent: event.sequence };
  try {
    const outcome = await parts.runs.submit(edge.tenant, {
      run: event.run,
      conversation: event.conversation,
      device: edge.device,
      deviceName: edge.deviceName,
      principal: `device:${edge.device}`,
      text: event.text,
      shares: event.shares,
      ...(event.timeout ? { timeoutMs: durationMs(event.timeout) } : {}),
      source: `device:${edge.device}`,
      commandId: `${event.journalId}:${event.sequence}`,
    });
    if ('refused' in outcome)
      return out.send({ case: 'eventOutcome', value: { ...settled, refused: outcome.refused } });
    out.send({ case: 'eventOutcome', value: settled });
    follows.follow(event.run);
  } catch (error) {
    // What may pass later is not acknowledged: the edge presents it again in its next session.
    if (error instanceof AppError && !error.retryable) {
      return out.send({ case: 'eventOutcome', value: { ...settled, refused: toFailure(error, log) } });
    }
    throw error;
  }
}

async function cancel({ parts, edge }: Reading, run: string, sequence: bigint): Promise<void> {
  const state = await parts.runs.state(edge.tenant, run);
  if (state?.device !== edge.device) return;
  await parts.runs.command(
    edge.tenant,
    run,
    { type: 'cancel', principal: `device:${edge.device}`, requestId: `cancel:${run}:${sequence}` },
    { source: `device:${edge.device}`, commandId: `cancel:${run}:${sequence}` },
  );
}

/** A journal that is behind, or different at the last anchored sequence, is a clone or a restored backup. */
function isFork(known: Device, hello: Hello): boolean {
  const anchor = known.journal;
  const journal = hello.journal;
  if (!anchor || !journal) return false;
  if (journal.journalId !== anchor.id || Number(journal.sequence) < anchor.sequence) return true;
  if (Number(journal.sequence) === anchor.sequence) return !same(journal.headHash, anchor.head);
  return Number(journal.anchoredSequence) === anchor.sequence && !same(journal.anchoredHash, anchor.head);
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Writes now and then that the device was seen, and ends a session whose epoch no longer stands. */
function keepSeen(parts: EdgeSessionParts, edge: LiveEdge, ref: { tenant: string; id: string }): () => void {
  let stop = () => {};
  const next = () => {
    stop = parts.clock.after(SEEN_MS, () => {
      parts.devices.saveSession(ref, edge.epoch, {}).then(
        (stands) => (stands ? next() : edge.supersede(edge.epoch + 1)),
        (error: unknown) => {
          parts.log.warn('a session could not be written', { device: ref.id, why: String(error) });
          next();
        },
      );
    });
  };
  next();
  return () => stop();
}

/** Counts a frame and checks it; a frame of an unknown case is left to the reader. */
function take(counter: FrameCounter, frame: ConnectRequest): void {
  counter.seen(frame.header);
  if (frame.frame.case !== undefined) validate(ConnectRequestSchema, frame);
}
