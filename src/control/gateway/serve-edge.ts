// One edge's stream, from Hello to its end. Every accepted connection gets a new epoch; all that it writes carries it. A Hello
// whose stream is gone changes nothing: that is looked at after every wait, and what is written holds only if nothing changed
// since it was judged. When it ends, for whatever reason, it is left at once; the stream itself follows when its reader takes
// the end, or is reset.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Condition, ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  type ConnectRequest,
  type ConnectResponseSchema,
  Durability,
  type Hello,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { ManifestSchema } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { OutcomeSchema, RunState } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { lazyLogger } from '../../base/lazy-logger.ts';
import type { Logger } from '../../base/logger.ts';
import { sparing } from '../../base/sparing-logger.ts';
import { toFailure } from '../../contract/errors.ts';
import { isGone } from '../../contract/is-gone.ts';
import { FrameCounter } from '../../contract/session/frames.ts';
import { Heartbeat } from '../../contract/session/heartbeat.ts';
import type { ToolCallSigner } from '../../contract/tool-call.ts';
import { negotiate } from '../../contract/versions.ts';
import type { DeviceCalls } from '../dispatch/devices/device-calls.ts';
import type { RunFeeds } from '../dispatch/feeds/run-feeds.ts';
import type { Devices, JournalAnchor, StoredDevice } from '../identity/devices.ts';
import type { DevicePrincipal } from '../identity/principal.ts';
import type { RestoreGuard } from '../identity/restore-guard.ts';
import { isProven, proveSession } from '../identity/session-proof.ts';
import type { OwnerNotes } from '../notes/owner-notes.ts';
import type { Orchestrator } from '../orchestrator/service/orchestrator.ts';
import { wasRemoved } from '../store/removed-runs.ts';
import type { Runs } from '../store/runs.ts';
import type { SetAside } from '../store/set-aside.ts';
import type { Admission } from './admission.ts';
import { AnchorKeeper } from './anchor-keeper.ts';
import { type EdgeBody, EdgeFollows } from './edge-follows.ts';
import { EdgeNotes } from './edge-notes.ts';
import { type EdgeReaderParts, readEdge, receiveFrame } from './edge-reader.ts';
import { fitEdgeFrame } from './fit-edge-frame.ts';
import { anchorOf, type JournalVerdict, judgeJournal } from './journal-anchor.ts';
import { LiveEdge } from './live-edge.ts';
import { bindStream, firstFrame, helloMs, mustBeLive, type StreamEnds } from './opening.ts';
import { framesLater, type PeerQueue, peerQueue } from './peer-queue.ts';
import type { SessionWatch } from './session-watch.ts';

export interface EdgeSessionParts {
  readonly runs: Orchestrator;
  readonly calls: DeviceCalls;
  readonly feeds: RunFeeds;
  readonly devices: Devices;
  readonly watch: SessionWatch;
  /** Of this process, for the presence of devices. */
  readonly replica: string;
  readonly signer: ToolCallSigner & { readonly publicKey: Uint8Array };
  readonly restored: RestoreGuard;
  readonly admission: Admission;
  readonly setAside: Pick<SetAside, 'find'>;
  readonly stored: Pick<Runs, 'removed'>;
  readonly notes: OwnerNotes;
  /** Hears that a device has notes of its owner to fetch. */
  readonly onNotes: (tenant: string, device: string, look: () => void) => () => void;
  /** The model that would answer this tenant now. */
  readonly model: (tenant: string) => ModelInfo | undefined;
  /** What stands in the way of answers to the tenant. */
  readonly conditions: (tenant: string) => Condition[];
  readonly durability: 'power' | 'process';
  /** Takes what edges tell of their own work; undefined: they are not asked. */
  readonly onTelemetry?: EdgeReaderParts['onTelemetry'];
  readonly clock: Clock;
  readonly log: Logger;
  readonly heartbeatMs: number;
  readonly maxQueuedFrames: number;
  readonly maxQueuedBytes: number;
  readonly maxInboundBytes: number;
  readonly maxFrameBytes: number;
}

/** Runs one stream. `opened` is told of the live session and returns what to call at its end. */
export function serveEdge(
  parts: EdgeSessionParts,
  principal: DevicePrincipal,
  requests: AsyncIterable<ConnectRequest>,
  ends: StreamEnds,
  opened: (edge: LiveEdge) => () => void,
): AsyncIterable<MessageInitShape<typeof ConnectResponseSchema>> {
  return framesLater(() => startEdge(parts, principal, requests[Symbol.asyncIterator](), ends, opened));
}

/** From Hello to Welcome, or to what is said in its place. What it gives ends by itself. */
async function startEdge(
  parts: EdgeSessionParts,
  principal: DevicePrincipal,
  frames: AsyncIterator<ConnectRequest>,
  ends: StreamEnds,
  opened: (edge: LiveEdge) => () => void,
): Promise<PeerQueue<EdgeBody>> {
  const { clock, heartbeatMs } = parts;
  const counter = new FrameCounter();
  const first = await firstFrame(frames, clock, helloMs(heartbeatMs));
  receiveFrame(counter, first);
  if (first.frame.case !== 'hello') throw new AppError('INVALID_ARGUMENT', { what: 'the first frame must be hello' });
  const hello = first.frame.value;
  const version = negotiate(hello.versions);
  const ref = { tenant: principal.tenant, id: principal.id };
  const out = queueOf(parts, counter, ends, () => edge.maxFrameBytes);
  bindStream(out, ends, clock, heartbeatMs);
  const begun = await parts.admission.enter(ends.signal);
  const { epoch, anchor, known, verdict } = await begin(parts, principal, hello, out, ends).finally(begun);
  const about = { device: principal.id, name: principal.name, epoch };
  const anchors = new AnchorKeeper({
    journal: hello.journal!.journalId,
    clock,
    save: (position) => parts.devices.moveAnchor(ref, epoch, position),
    over: () => out.ended,
  });
  const edge = new LiveEdge({
    principal,
    epoch,
    out,
    signer: parts.signer,
    openCalls: hello.openToolCalls,
    maxFrameBytes: parts.maxFrameBytes,
    bootId: hello.bootId,
    clock,
    anchor: (sequence, head) => anchors.advance(sequence, head),
    doubt: (doubted) => parts.watch.doubt(doubted),
    model: () => parts.model(principal.tenant),
    conditions: () => parts.conditions(principal.tenant),
  });
  if (verdict === 'fork') {
    parts.log.warn('a device is quarantined: its journal does not fit what was anchored', about);
    await parts.calls.quarantined({ tenant: ref.tenant, device: ref.id }, `device ${principal.name}`);
    edge.quarantine(epoch);
    return out;
  }
  edge.manifest = hello.manifest;
  out.onEnd(() => parts.watch.left({ ...ref, epoch }));
  if (out.ended) return out;
  parts.calls.opened(ref.tenant, ref.id, epoch);
  const left = opened(edge);
  // A newer session of this device may have come meanwhile.
  if (out.ended) return out;
  // Most sessions never have anything else to say.
  const log = lazyLogger(() => sparing(parts.log.child(about), clock));
  const follows = followsOf(parts, edge, out, log);
  const heartbeat = heartbeatOf(parts, edge, out);
  const notes = new EdgeNotes({ notes: parts.notes, edge, out, clock, log });
  const deaf = parts.onNotes(ref.tenant, ref.id, () => notes.look());
  out.onEnd(() => {
    heartbeat.stop();
    deaf();
    follows.close();
    left();
    parts.calls.sessionEnded(edge);
    parts.log.info('an edge left', about);
  });
  out.offer({ case: 'welcome', value: welcome(parts, edge, version, anchor, known.recovered) });
  if (verdict === 'unproven') {
    // It knows the anchor from here on, and shows in its next Hello that it holds it; nothing is served before that.
    parts.log.info('an edge is told what was acknowledged; it shows in its next session that it holds that', about);
    out.end();
    return out;
  }
  edge.tellConditions();
  const journal = Number(hello.journal?.sequence);
  parts.log.info('an edge connected', { ...about, journal, proven: verdict === 'proven' });
  for (const follow of hello.follows) follows.follow(follow.run, follow);
  out.pullFrom(() => follows.next());
  notes.look();
  parts.calls.connected(edge).catch((error: unknown) => out.end(error));
  readEdge({ ...parts, log, edge, follows, notes, out, counter, heartbeat }, frames).then(
    () => out.end(),
    (error: unknown) => out.end(isGone(error) ? undefined : error),
  );
  return out;
}

/** What is to be said to the edge. */
function queueOf(
  { maxQueuedFrames, maxQueuedBytes, log }: EdgeSessionParts,
  counter: FrameCounter,
  { gather: onBurst }: StreamEnds,
  maxFrameBytes: () => number,
): PeerQueue<EdgeBody> {
  const toSize = fitEdgeFrame(maxFrameBytes, log);
  return peerQueue<EdgeBody>({ counter, maxQueuedFrames, maxQueuedBytes, onBurst, toSize });
}

/** Pings, with the time beside, and ends the session when nothing comes back. */
function heartbeatOf({ clock, heartbeatMs }: EdgeSessionParts, edge: LiveEdge, out: PeerQueue<EdgeBody>): Heartbeat {
  return new Heartbeat({
    clock,
    intervalMs: heartbeatMs,
    ping: (nonce) => {
      edge.tellTime();
      out.offer({ case: 'ping', value: { nonce } });
    },
    silent: () => out.end(new AppError('PEER_SILENT', { peer: `device ${edge.deviceName}`, ms: 2 * heartbeatMs })),
  });
}

/** What the edge hears of its runs. */
function followsOf(parts: EdgeSessionParts, edge: LiveEdge, out: PeerQueue<EdgeBody>, log: Logger): EdgeFollows {
  const ref = { tenant: edge.tenant, id: edge.device };
  return new EdgeFollows({
    feeds: parts.feeds,
    tenant: ref.tenant,
    device: ref.id,
    clock: parts.clock,
    log,
    setAside: (run) => asideOf(parts.setAside, ref, run),
    removed: (run) => removedOf(parts.stored, ref, run),
    wake: () => out.wake(),
  });
}

/** How a run that was set aside is told to its edge. */
async function asideOf(setAside: Pick<SetAside, 'find'>, { tenant, id }: { tenant: string; id: string }, run: string) {
  const found = await setAside.find(tenant, run);
  // A run of another device is told to nobody here.
  if (found?.device !== id) return undefined;
  const why = new AppError('RUN_SET_ASIDE', { run, problem: found.problem });
  if (!found.ended) return { why: why.message };
  const failure = toFailure(found.ended === 'cancelled' ? new AppError('CANCELED') : why);
  const state = found.ended === 'cancelled' ? RunState.CANCELLED : RunState.FAILED;
  return { why: why.message, ended: create(OutcomeSchema, { state, failure }) };
}

/** How a run that was removed is told to its edge. */
async function removedOf(stored: Pick<Runs, 'removed'>, { tenant, id }: { tenant: string; id: string }, run: string) {
  const found = await stored.removed(tenant, run);
  // A run of another device is told to nobody here.
  if (found?.device !== id) return undefined;
  return create(OutcomeSchema, { state: RunState.FAILED, failure: toFailure(wasRemoved(found)) });
}

interface Start {
  readonly verdict: JournalVerdict;
  readonly epoch: number;
  readonly anchor: JournalAnchor;
  readonly known: StoredDevice;
}

/**
 * Judges a Hello and begins its session, or quarantines its device, by one statement that holds only if the device is still as it
 * was judged. Its peer shows between the two that it is there: so whoever left before the device was read changes nothing.
 * Throws SESSION_RACED, DATABASE_RESTORED, DEVICE_SUSPENDED, DEVICE_REMOVED, CANCELED.
 */
async function begin(
  parts: EdgeSessionParts,
  principal: DevicePrincipal,
  hello: Hello,
  out: PeerQueue<EdgeBody>,
  ends: StreamEnds,
): Promise<Start> {
  const { devices, restored, signer, replica, clock, heartbeatMs } = parts;
  const ref = { tenant: principal.tenant, id: principal.id };
  restored.mustGoOn(ref.tenant);
  const known = await devices.byId(ref.tenant, ref.id, ends.signal).catch((error: unknown) => {
    // Its key was good a moment ago.
    if (error instanceof AppError && error.reason === 'NOT_FOUND') throw removed(principal);
    throw error;
  });
  await mustBeLive(out, ends, clock, helloMs(heartbeatMs));
  const last = { ...ref, epoch: Number(hello.lastSessionEpoch) };
  const ahead = last.epoch > known.sessionEpoch;
  if (ahead && isProven(signer, last, hello.resumeToken)) {
    const evidence = { device: principal.name, known: last.epoch, given: known.sessionEpoch };
    await restored.report(ref, evidence);
    restored.mustGoOn(ref.tenant);
  }
  // To know a session that was never given is no better than to have another journal; an owner may adopt both.
  const verdict = ahead && known.journal ? 'fork' : judgeJournal(known.journal, hello.journal!);
  const anchor = verdict === 'unproven' && known.journal ? known.journal : anchorOf(hello.journal!);
  if (known.state === 'suspended') {
    throw new AppError('DEVICE_SUSPENDED', { device: known.name });
  }
  if (known.state === 'quarantined') return { verdict: 'fork', epoch: known.sessionEpoch, anchor, known };
  if (verdict === 'fork') {
    if (!(await devices.quarantine(known, 'its journal is behind or different', 'control'))) {
      throw new AppError('SESSION_RACED');
    }
    return { verdict, epoch: known.sessionEpoch + 1, anchor, known };
  }
  const manifest = toBinary(ManifestSchema, hello.manifest!);
  const epoch = await devices.openSession({ known, manifest, journal: anchor, replica, bootId: hello.bootId });
  if (epoch === undefined) throw new AppError('SESSION_RACED');
  return { verdict, epoch, anchor, known };
}

const removed = ({ name }: DevicePrincipal) => new AppError('DEVICE_REMOVED', { device: name });

function welcome(parts: EdgeSessionParts, edge: LiveEdge, version: number, anchor: JournalAnchor, recovered: boolean) {
  return {
    version,
    sessionEpoch: BigInt(edge.epoch),
    sessionNonce: edge.nonce,
    resumeToken: proveSession(parts.signer, { tenant: edge.tenant, id: edge.device, epoch: edge.epoch }),
    // What the lost part of a restored database acknowledged must be presented again.
    durability: parts.durability === 'power' && !recovered ? Durability.POWER : Durability.PROCESS,
    heartbeat: durationFromMs(parts.heartbeatMs),
    signingKey: { keyId: parts.signer.id, publicKey: parts.signer.publicKey },
    limits: { maxFrameBytes: parts.maxFrameBytes },
    deviceName: edge.deviceName,
    controlTime: timestampFromMs(parts.clock.now()),
    signedTime: edge.signedTime(),
    anchor: { journalId: anchor.id, sequence: BigInt(anchor.sequence), headSha256: anchor.head },
    model: edge.modelForWelcome(),
    telemetry: parts.onTelemetry !== undefined,
  };
}
