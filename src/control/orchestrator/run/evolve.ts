// Folds events into a run's state. Compatible forever: a stored event keeps its meaning. It decides nothing, reads no clock,
// and throws for what it does not know, which leaves the run to a newer replica.
import { durationMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type AttemptLost,
  type JobFinished,
  type JobQueued,
  JobRole as Role,
  type RunAccepted,
  type RunEvent,
  RunKind,
  TargetKind,
} from '../../../../gen/bowline/event/v1/event_pb.ts';
import { type Egress, RunState as State, type Usage } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { RunPhase } from '../../store/unit.ts';
import { held, heldNoMore, released, withHolds } from './holds.ts';
import { limitsFromProto } from './limits.ts';
import {
  type FoldedJob,
  type FoldedRun,
  isOpen,
  type JobPhase,
  NO_USAGE,
  type RoleInRun,
  type UsageTotals,
} from './state.ts';

/** The state after one more event. Throws EVENT_UNKNOWN or HISTORY_INVALID. */
export function evolve(run: FoldedRun | undefined, event: RunEvent): FoldedRun {
  const at = event.eventTime ? timestampMs(event.eventTime) : 0;
  const { event: body } = event;
  if (body.case === undefined) throw new AppError('EVENT_UNKNOWN', { stream: run?.id ?? 'a run' });
  if (body.case === 'kept') {
    const problem = 'a part of it is not in the blob store any more, or is damaged there';
    throw new AppError('HISTORY_INVALID', { stream: run?.id ?? 'a run', version: (run?.version ?? 0) + 1, problem });
  }
  if (body.case === 'accepted') {
    if (run) throw invalid(run, 'it was accepted twice');
    return accepted(body.value, at);
  }
  if (!run) throw new AppError('HISTORY_INVALID', { stream: 'a run', version: 1, problem: 'it was never accepted' });
  const next = { ...run, version: run.version + 1 };
  switch (body.case) {
    case 'started': {
      const { history, tools, summary, summaryGrants, taints: brought, hosts, tierBefore } = body.value;
      const said = { history, tools, summary, summaryGrants, brought, hosts, tierBefore };
      return { ...next, phase: 'running', startedAt: at, ...said };
    }
    case 'jobQueued':
      return { ...next, jobs: new Map(run.jobs).set(body.value.job, queued(run, body.value, at)) };
    case 'attemptStarted': {
      const { job, targetName } = body.value;
      return withJob(next, job, at, (was) => ({
        ...was,
        phase: 'running',
        startedAt: was.startedAt ?? at,
        targetName,
      }));
    }
    case 'jobReceived':
      return withJob(next, body.value.job, at, (was) => ({
        ...was,
        phase: was.phase === 'queued' ? 'running' : was.phase,
        startedAt: was.startedAt ?? at,
        received: true,
        heldBy: body.value.heldBy === '' ? was.heldBy : [...was.heldBy, body.value.heldBy],
      }));
    case 'jobHeld': {
      const { job, expireTime } = body.value;
      const until = expireTime ? timestampMs(expireTime) : at;
      return withJob(next, job, at, (was) => held(was, at, until));
    }
    case 'jobReleased':
      return withJob(next, body.value.job, at, (was) => released(was, at));
    case 'attemptLost':
      return withJob(next, body.value.job, at, (was) => lost(was, body.value));
    case 'attemptFailed': {
      const { job, epoch, nextEpoch, failure, delay, usage } = body.value;
      const dueAt = at + (delay ? durationMs(delay) : 0);
      return withJob(charged(next, usage), job, at, (was) => ({
        ...was,
        phase: 'retrying',
        epoch: Number(nextEpoch),
        failures: was.failures + 1,
        handedBackBy: '',
        received: false,
        heldBy: [],
        settled: [...was.settled, Number(epoch)],
        lastFailure: failure,
        usage: plus(was.usage, usage),
        dueAt,
      }));
    }
    case 'attemptDue':
      return withJob(next, body.value.job, at, (was) => ({
        ...was,
        phase: 'queued',
        attempts: was.attempts + 1,
        dueAt: 0,
      }));
    case 'jobFinished': {
      const finish = body.value;
      return withJob(charged(next, finish.usage), finish.job, at, (was) => finished(was, finish, at));
    }
    case 'jobCancelling': {
      const { job, reason } = body.value;
      return withJob(next, job, at, (was) => ({ ...was, phase: 'cancelling', cancelReason: reason, cancellingAt: at }));
    }
    case 'jobCancelled':
      return withJob(next, body.value.job, at, (was) => ({ ...was, phase: 'cancelled', endedAt: at, dueAt: 0 }));
    case 'lateResult': {
      const { job, epoch, usage, egress } = body.value;
      return withLate(charged(next, usage), job, Number(epoch), usage, egress);
    }
    case 'escalated':
      return { ...next, escalations: [...run.escalations, body.value] };
    case 'cancelRequested':
      return { ...next, cancelledBy: body.value.principal };
    case 'ended':
      return { ...next, phase: phaseOf(run, body.value.outcome?.state), endedAt: at, outcome: body.value.outcome };
  }
}

/** Nobody knows what became of an attempt, or its worker gave it back: the next one may begin. */
const lost = (was: FoldedJob, { nextEpoch, handedBack, why }: AttemptLost): FoldedJob => ({
  ...was,
  phase: 'queued',
  epoch: Number(nextEpoch),
  attempts: was.attempts + 1,
  losses: was.losses + (handedBack ? 0 : 1),
  handBacks: was.handBacks + (handedBack ? 1 : 0),
  handedBackBy: handedBack ? why : '',
  received: false,
  heldBy: [],
});

/** The state after these events. */
export function fold(events: Iterable<RunEvent>, from?: FoldedRun): FoldedRun | undefined {
  let run = from;
  for (const event of events) run = evolve(run, event);
  return run;
}

function accepted(event: RunAccepted, at: number): FoldedRun {
  return {
    version: 1,
    id: event.run,
    tenant: event.tenant,
    kind: event.kind === RunKind.CALL ? 'call' : 'ask',
    conversation: event.conversation,
    device: event.device,
    deviceName: event.deviceName,
    principal: event.principal,
    text: event.text,
    shares: event.shares,
    collections: event.collections,
    timeoutMs: event.timeout ? durationMs(event.timeout) : 0,
    requestDigest: event.requestSha256,
    maxCostMicros: Number(event.maxCostMicros),
    tier: event.tier,
    better: event.better,
    betterThan: event.betterThan,
    tierBefore: '',
    escalations: [],
    call: event.call,
    limits: limitsFromProto(event.limits),
    phase: 'waiting',
    createdAt: at,
    startedAt: undefined,
    endedAt: undefined,
    history: [],
    summary: '',
    summaryGrants: [],
    brought: [],
    hosts: [],
    tools: [],
    jobs: new Map(),
    cancelledBy: '',
    outcome: undefined,
    usage: NO_USAGE,
    lateEgress: [],
    heldAt: 0,
    heldMs: 0,
    holds: 0,
  };
}

function queued(run: FoldedRun, event: JobQueued, at: number): FoldedJob {
  const [, step, index] = /\/(\d+)\/(\d+)$/.exec(event.job) ?? [];
  if (step === undefined || run.jobs.has(event.job)) throw invalid(run, `the job ${event.job} cannot be queued`);
  return {
    id: event.job,
    step: Number(step),
    index: Number(index),
    role: roleOf(event.role, Number(index)),
    parent:
      event.parent === ''
        ? undefined
        : { job: event.parent, epoch: Number(event.parentEpoch), number: event.callNumber },
    slots: event.slots || 1,
    method: event.method,
    target: event.target === TargetKind.DEVICE ? 'device' : 'worker',
    device: event.device,
    params: event.params,
    idempotencyKey: event.idempotencyKey,
    toolCallId: event.toolCallId,
    toolName: event.toolName,
    selector: event.selector,
    recipients: event.recipients,
    timeoutMs: event.timeout ? durationMs(event.timeout) : 0,
    phase: 'queued',
    phaseAt: at,
    epoch: Number(event.epoch),
    nonce: event.nonce,
    attempts: 1,
    failures: 0,
    losses: 0,
    handBacks: 0,
    handedBackBy: '',
    received: false,
    heldBy: [],
    settled: [],
    targetName: '',
    lastFailure: undefined,
    result: undefined,
    usage: NO_USAGE,
    cancelReason: '',
    queuedAt: at,
    startedAt: undefined,
    endedAt: undefined,
    dueAt: 0,
    cancellingAt: 0,
    confirm: event.confirm,
    taints: event.taints,
    heldAt: 0,
    heldUntil: 0,
    heldMs: 0,
    holds: 0,
    bound: event.bound,
    route: event.route,
  };
}

function roleOf(role: Role, index: number): RoleInRun {
  switch (role) {
    case Role.RETRIEVAL:
      return 'retrieval';
    case Role.CHILD:
      return 'child';
    case Role.SUMMARY:
      return 'summary';
    default:
      return index === 0 ? 'turn' : 'tool';
  }
}

function finished(was: FoldedJob, finish: JobFinished, at: number): FoldedJob {
  const { result } = finish;
  const failure = result.case === 'done' ? finish.trailingFailure : result.value;
  return {
    ...was,
    phase: finalPhase(was, finish),
    endedAt: at,
    dueAt: 0,
    settled: [...was.settled, Number(finish.epoch)],
    targetName: finish.targetName || was.targetName,
    lastFailure: failure ?? was.lastFailure,
    result: finish,
    usage: plus(was.usage, finish.usage),
  };
}

function finalPhase(was: FoldedJob, finish: JobFinished): JobPhase {
  switch (finish.result.case) {
    case 'done':
      return finish.trailingFailure ? 'failed' : 'done';
    case 'unknown':
      return 'unknown';
    case 'neverStarted':
      return was.phase === 'cancelling' ? 'cancelled' : 'failed';
    default:
      return 'failed';
  }
}

function withJob(run: FoldedRun, id: string, at: number, change: (was: FoldedJob) => FoldedJob): FoldedRun {
  const was = run.jobs.get(id);
  if (!was) throw invalid(run, `there is no job ${id}`);
  if (!isOpen(was)) throw invalid(run, `the job ${id} has ended`);
  const changed = heldNoMore(was, change(was), at);
  const job = changed.phase === was.phase ? changed : { ...changed, phaseAt: at };
  return withHolds({ ...run, jobs: new Map(run.jobs).set(id, job) }, at);
}

function withLate(
  run: FoldedRun,
  id: string,
  epoch: number,
  usage: Usage | undefined,
  egress: readonly Egress[],
): FoldedRun {
  const was = run.jobs.get(id);
  if (!was) throw invalid(run, `there is no job ${id}`);
  const job = { ...was, settled: [...was.settled, epoch], usage: plus(was.usage, usage) };
  return { ...run, jobs: new Map(run.jobs).set(id, job), lateEgress: [...run.lateEgress, ...egress] };
}

const charged = (run: FoldedRun, usage: Usage | undefined): FoldedRun =>
  usage ? { ...run, usage: plus(run.usage, usage) } : run;

/** Never more than can be counted exactly, and told: what stands in an event may be anything. */
const add = (sum: number, more: bigint): number => Math.min(sum + Number(more), Number.MAX_SAFE_INTEGER);

function plus(sum: UsageTotals, usage: Usage | undefined): UsageTotals {
  if (!usage) return sum;
  return {
    inputTokens: add(sum.inputTokens, usage.inputTokens),
    outputTokens: add(sum.outputTokens, usage.outputTokens),
    cachedInputTokens: add(sum.cachedInputTokens, usage.cachedInputTokens),
    costMicros: add(sum.costMicros, usage.costMicros),
  };
}

function phaseOf(run: FoldedRun, state: State | undefined): RunPhase {
  switch (state) {
    case State.ANSWERED:
      return 'answered';
    case State.REFUSED:
      return 'refused';
    case State.FAILED:
      return 'failed';
    case State.CANCELLED:
      return 'cancelled';
    case State.TIMED_OUT:
      return 'timed_out';
    default:
      throw invalid(run, 'it ended without a final state');
  }
}

const invalid = (run: FoldedRun, problem: string): AppError =>
  new AppError('HISTORY_INVALID', { stream: run.id, version: run.version + 1, problem });
