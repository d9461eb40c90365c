// What the frames of an edge do. Reading never waits for the database: asks are committed beside each other, those of one
// conversation in the owner's order, and acknowledged in the order they came; answers of tools are committed beside them.
import { create, toBinary } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { type ConnectRequest, ConnectRequestSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import {
  type Ask,
  ToolDoneSchema,
  type ToolResult,
  ToolResultSchema,
} from '../../../gen/bowline/record/v1/record_pb.ts';
import type { EdgeTelemetry } from '../../../gen/bowline/telemetry/v1/telemetry_pb.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import type { Logger } from '../../base/logger.ts';
import { toAppError, toFailure } from '../../contract/errors.ts';
import { answerFrame } from '../../contract/session/answer-frame.ts';
import type { FrameCounter } from '../../contract/session/frames.ts';
import type { Heartbeat } from '../../contract/session/heartbeat.ts';
import { InboundBudget } from '../../contract/session/inbound-budget.ts';
import { validate } from '../../contract/validate.ts';
import type { DeviceCalls } from '../dispatch/devices/device-calls.ts';
import type { Orchestrator } from '../orchestrator/service/orchestrator.ts';
import { isUnreadable } from '../orchestrator/service/unreadable.ts';
import type { EdgeBody, EdgeFollows } from './edge-follows.ts';
import type { EdgeNotes } from './edge-notes.ts';
import type { LiveEdge } from './live-edge.ts';
import { OrderedTasks } from './ordered-tasks.ts';
import type { PeerQueue } from './peer-queue.ts';

/** Which edge tells of its own work. */
export type EdgeTelling = Pick<LiveEdge, 'tenant' | 'device'>;

export interface EdgeReaderParts {
  readonly runs: Orchestrator;
  readonly calls: DeviceCalls;
  readonly clock: Clock;
  readonly log: Logger;
  readonly edge: LiveEdge;
  readonly follows: EdgeFollows;
  readonly notes: EdgeNotes;
  readonly out: PeerQueue<EdgeBody>;
  readonly counter: FrameCounter;
  readonly heartbeat: Heartbeat;
  readonly onTelemetry?: ((edge: EdgeTelling, told: EdgeTelemetry) => void) | undefined;
  /** Bytes of frames that wait for the database; past them nothing is read. */
  readonly maxInboundBytes: number;
}

/** Asks and cancels of one edge that wait for the database; an edge has at most 256 asks. */
const MAX_LINE = 1_024;
/** Of those, the ones that are being committed at once. */
const MAX_UNDER_WAY = 256;
/** How often a reader that waits for the database looks whether its session still stands. */
const FULL_MS = 200;
/** Answers of tools that are being committed; an edge has at most 64 calls at work. */
const MAX_RESULTS = 256;

/** Reads until the stream or the session ends. Throws what the edge did wrong. */
export async function readEdge(parts: EdgeReaderParts, frames: AsyncIterator<ConnectRequest>): Promise<void> {
  const { calls, clock, edge, follows, out, counter, heartbeat } = parts;
  const line = new OrderedTasks({ max: MAX_LINE, running: MAX_UNDER_WAY, failed: (error) => ended(parts, error) });
  out.onEnd(() => line.end());
  // Which conversation a run belongs to, while its ask is under way: a cancel stands behind it.
  const asked = new Map<string, string>();
  let results = 0;
  const budget = new InboundBudget(parts.maxInboundBytes);
  for (;;) {
    const next = await frames.next();
    if (next.done || out.ended) return;
    heartbeat.heard();
    edge.lastSeen = clock.now();
    counter.seen(next.value.header);
    const { header } = next.value;
    const frame = accepted(parts, next.value, line);
    if (frame === undefined) continue;
    const bytes = bytesOf(frame);
    switch (frame.case) {
      case 'ask': {
        const { run, conversation } = frame.value;
        asked.set(run, conversation);
        const give = budget.reserve(bytes);
        line.add(conversation, () =>
          commitAsk(parts, frame.value).finally(() => {
            asked.delete(run);
            give();
          }),
        );
        break;
      }
      case 'cancelRun': {
        const { run, sequence } = frame.value;
        line.add(asked.get(run) ?? run, () => cancel(parts, run, sequence));
        break;
      }
      case 'toolProgress':
        calls.progress(edge, frame.value);
        break;
      case 'toolHeld':
        calls.held(edge, frame.value);
        break;
      case 'toolResult':
        if (results >= MAX_RESULTS) {
          const what = 'the number of tool results that wait for the database';
          throw fixedLimit(what, MAX_RESULTS, 'send fewer at once');
        }
        results++;
        {
          const give = budget.reserve(bytes);
          void calls.result(edge, frame.value).finally(() => {
            results--;
            give();
          });
        }
        break;
      case 'followRun':
        follows.follow(frame.value.run, frame.value);
        break;
      case 'sealedNote':
        parts.notes.said(frame.value, budget.reserve(bytes));
        break;
      case 'ownerNoteTaken':
        parts.notes.taken(frame.value);
        break;
      case 'telemetry':
        parts.onTelemetry?.(edge, frame.value);
        break;
      case 'goodbye':
        edge.saidGoodbye = true;
        return;
      case 'hello':
        throw new AppError('INVALID_ARGUMENT', { what: 'a second hello in one session' });
      default:
        answerFrame(header, frame, out);
    }
    while (!budget.free && !out.ended) {
      // Nothing is read meanwhile, so silence says nothing of the edge.
      heartbeat.heard();
      await Promise.race([budget.wait(), sleep(clock, FULL_MS)]);
    }
  }
}

/** About what a frame holds while the database has not taken it. */
function bytesOf(frame: ConnectRequest['frame']): number {
  switch (frame.case) {
    case 'ask':
      return 512 + 3 * frame.value.text.length;
    case 'toolResult':
      return toBinary(ToolResultSchema, frame.value).length;
    case 'sealedNote':
      return frame.value.body.length;
    default:
      return 0;
  }
}

/**
 * What is done with a frame that breaks the contract: the ask is refused, the call ends with that; all else is left out. The session
 * goes on, because the edge would send the same again in its next one. One without a body that is known here is left to the reader.
 */
function accepted(
  { log, out }: EdgeReaderParts,
  request: ConnectRequest,
  line: OrderedTasks,
): ConnectRequest['frame'] | undefined {
  const { frame } = request;
  if (frame.case === undefined) return frame;
  try {
    validate(ConnectRequestSchema, request);
    return frame;
  } catch (error) {
    if (frame.case === 'hello') throw error;
    const problem = toAppError(error).message;
    log.warn('a frame of an edge was not taken', { frame: frame.case, why: problem });
    const failure = toFailure(new AppError('MESSAGE_REFUSED', { what: frame.case, problem }));
    if (frame.case === 'ask') {
      const { conversation, run, sequence } = frame.value;
      const value = { run, sequence, refused: failure };
      // In its place: what is acknowledged acknowledges all before it.
      line.add(conversation, async () => () => void out.offer({ case: 'askVerdict', value }));
    }
    if (frame.case !== 'toolResult') return undefined;
    const { job, epoch, idempotencyKey } = frame.value;
    const answer = { case: 'done', value: create(ToolDoneSchema, { failure }) } as const;
    const value = create(ToolResultSchema, { job, epoch, idempotencyKey, answer });
    return isValid(value) ? { case: 'toolResult', value } : undefined;
  }
}

function isValid(result: ToolResult): boolean {
  try {
    validate(ToolResultSchema, result);
    return true;
  } catch {
    return false;
  }
}

/** Counts the first frame and checks it. */
export function receiveFrame(counter: FrameCounter, frame: ConnectRequest): void {
  counter.seen(frame.header);
  validate(ConnectRequestSchema, frame);
}

/** Something could not be done in this session; whoever comes next presents it again. */
function ended({ edge, out }: EdgeReaderParts, error: unknown): void {
  if (error instanceof AppError && error.reason === 'SUPERSEDED') edge.doubt();
  else out.end(error);
}

/** The session by which the edge speaks: what it says is committed only while that stands. */
const sessionOf = (edge: LiveEdge) => ({ device: edge.device, epoch: edge.epoch });

/** Resolves when the ask is committed or refused for good, to what acknowledges it. */
async function commitAsk({ runs, edge, follows, out, log }: EdgeReaderParts, ask: Ask): Promise<() => void> {
  const settled = { sequence: ask.sequence, run: ask.run };
  const refuse = (refused: ReturnType<typeof toFailure>) => () =>
    void out.offer({ case: 'askVerdict', value: { ...settled, refused } });
  try {
    const outcome = await runs.ask(edge.tenant, {
      run: ask.run,
      conversation: ask.conversation,
      device: edge.device,
      deviceName: edge.deviceName,
      principal: `device:${edge.device}`,
      text: ask.text,
      shares: ask.shares,
      collections: ask.collections,
      ...(ask.timeout ? { timeoutMs: durationMs(ask.timeout) } : {}),
      maxCostMicros: ask.maxCostMicros,
      tier: ask.tier,
      better: ask.better,
      betterThan: ask.betterThan,
      source: `device:${edge.device}`,
      commandId: `${ask.journalId}:${ask.sequence}`,
      session: sessionOf(edge),
    });
    if ('refused' in outcome) return refuse(outcome.refused);
    follows.follow(ask.run);
    if (!(await edge.acknowledges(Number(ask.sequence), ask.headSha256)))
      throw new AppError('SUPERSEDED', { device: edge.deviceName });
    return () => void out.offer({ case: 'askVerdict', value: settled });
  } catch (error) {
    // What may pass later is not acknowledged: the edge presents it again in its next session. All else would block its line.
    if (mayPassLater(error)) throw error;
    return refuse(toFailure(error, log));
  }
}

/** A superseded session is no verdict on what it said either. */
const mayPassLater = (error: unknown): boolean =>
  error instanceof AppError && (error.retryable || error.reason === 'SUPERSEDED');

async function cancel({ runs, edge, log }: EdgeReaderParts, run: string, sequence: bigint): Promise<undefined> {
  const commandId = `cancel:${run}:${sequence}`;
  const principal = `device:${edge.device}`;
  try {
    const state = await runs.state(edge.tenant, run);
    if (state?.device !== edge.device) return;
    await runs.command(
      edge.tenant,
      run,
      { type: 'cancel', principal, requestId: commandId },
      { source: principal, commandId, session: sessionOf(edge) },
    );
  } catch (error) {
    if (mayPassLater(error)) throw error;
    // Its history cannot be read, so that its owner ends it without.
    if (isUnreadable(error)) return endAside(edge, runs, run);
    log.error('a run could not be cancelled', error, { tenant: edge.tenant, run });
  }
}

/** Ends a run of this device that was set aside. Throws what may pass. */
async function endAside({ tenant, device }: LiveEdge, runs: Orchestrator, run: string): Promise<undefined> {
  const found = await runs.setAside(tenant, run);
  if (found?.device !== device || found.ended) return;
  await runs.endSetAside(tenant, run, 'cancelled', `device:${device}`);
}
