// What must hold of every run at every moment, whatever came in whatever order. Pure; it names what does not hold. Tests
// check it after each step.
import type { RunEvent } from '../../gen/bowline/event/v1/event_pb.ts';
import { isHarmless } from '../../src/contract/policy.ts';
import type { MethodRegistry } from '../../src/contract/registry.ts';
import { orphans } from '../../src/control/orchestrator/decide/decide-child.ts';
import { dispatchOf } from '../../src/control/orchestrator/decide/effects.ts';
import { openTimers } from '../../src/control/orchestrator/decide/open-timers.ts';
import { lastStep } from '../../src/control/orchestrator/models/steps.ts';
import { FIRST_CHILD_INDEX, MORE_WHILE_AWAY } from '../../src/control/orchestrator/run/limits.ts';
import {
  type FoldedRun,
  isEnded,
  isHeld,
  isOpen,
  isPlanned,
  openJobs,
} from '../../src/control/orchestrator/run/state.ts';
import type { OutboxRow } from '../../src/control/store/unit.ts';

/** What is wrong with a state; empty when nothing is. */
export function illegalState(run: FoldedRun, methods: MethodRegistry): string[] {
  const wrong: string[] = [];
  const must = (holds: boolean, what: string) => {
    if (!holds) wrong.push(what);
  };
  const open = openJobs(run);
  const ended = isEnded(run);
  must(ended === (run.outcome !== undefined), 'a run has an outcome exactly when it ended');
  must(ended === (run.endedAt !== undefined), 'a run has an end exactly when it ended');
  must(run.phase !== 'waiting' || run.jobs.size === 0, 'a waiting run has no jobs');
  must(run.phase !== 'running' || open.length > 0, 'a run at work has something outstanding');
  must(
    !ended || open.every((job) => job.phase === 'cancelling' || job.role === 'summary'),
    'after the end a job is open only while it is stopped, or sums up',
  );
  must(
    ended || run.timeoutMs <= 0 || openTimers(run).some(({ kind }) => kind === 'deadline' || kind === 'held'),
    'an open run has a deadline, or one of its jobs is held until a time',
  );
  must(run.heldAt > 0 === [...run.jobs.values()].some(isHeld), 'the time of a run stands still while a job is held');
  must([...run.jobs.values()].filter(isPlanned).length <= run.limits.maxJobs, 'no more jobs than allowed');
  must(
    orphans(run).every(({ phase }) => phase === 'cancelling'),
    'no child outlives the attempt that called it',
  );
  must(lastStep(run) < run.limits.maxSteps, 'no more model turns than allowed');
  for (const job of run.jobs.values()) {
    const method = methods.byFullName(job.method);
    must(job.id === `${run.id}/${job.step}/${job.index}`, `${job.id} is named after its place`);
    must(
      !isPlanned(job) || job.index <= Math.max(run.limits.maxParallel, 64),
      `${job.id} is one of the calls that are looked at`,
    );
    must(isPlanned(job) || job.index >= FIRST_CHILD_INDEX, `${job.id} is numbered above what a model may ask for`);
    must((job.role === 'child') === (job.parent !== undefined), `${job.id} has a parent exactly when it is a child`);
    must(job.epoch === job.failures + job.losses + job.handBacks + 1, `the epoch of ${job.id} counts its attempts`);
    must(new Set(job.settled).size === job.settled.length, `no attempt of ${job.id} has two results`);
    must(
      job.settled.every((epoch) => epoch >= 1 && epoch <= job.epoch),
      `${job.id} has results of its attempts only`,
    );
    must(isOpen(job) === (job.endedAt === undefined), `${job.id} has an end exactly when it ended`);
    must(job.result === undefined || !isOpen(job), `${job.id} has a result only when it ended`);
    must(job.phase !== 'cancelling' || !isHarmless(method?.effect ?? 0), `${job.id} is waited for only for its effect`);
    must(job.target === 'device' ? job.device !== '' : job.device === '', `${job.id} names its device`);
    must(
      !isHeld(job) || (job.target === 'device' && (job.phase === 'queued' || job.phase === 'running')),
      `${job.id} is held only while it may be with its device`,
    );
    must(new Set(job.heldBy).size === job.heldBy.length, `no start of an edge is counted twice for ${job.id}`);
    // One that waited for its owner may outlive eight ends of the edge.
    const mostEnds = job.holds > 0 ? Math.max(run.limits.maxEdgeEnds, 8) : run.limits.maxEdgeEnds;
    must(job.heldBy.length <= mostEnds + 1, `${job.id} counts no more starts of an edge than it needs`);
    must(job.failures < run.limits.maxAttempts + MORE_WHILE_AWAY, `${job.id} failed no more often than allowed`);
  }
  for (const role of ['retrieval', 'summary'] as const) {
    must(
      [...run.jobs.values()].filter((job) => job.role === role).length <= 1,
      `a run has at most one job for ${role}`,
    );
  }
  must(
    [...run.jobs.values()].every(({ role, step }) => role !== 'retrieval' || step === 0),
    'collections are looked into before the first model turn',
  );
  for (let step = 0; step <= lastStep(run); step++) {
    const tools = [...run.jobs.values()].filter((job) => job.step === step && job.role === 'tool');
    must(tools.length <= run.limits.maxParallel, `step ${step} has no more tool calls than allowed`);
  }
  return wrong;
}

/** What is wrong with a step from one state to the next. */
export function illegalStep(before: FoldedRun | undefined, after: FoldedRun, events: readonly RunEvent[]): string[] {
  const wrong: string[] = [];
  if (after.version !== (before?.version ?? 0) + events.length) wrong.push('the version counts the events');
  if (!before) return wrong;
  if (isEnded(before) && (after.phase !== before.phase || after.outcome !== before.outcome)) {
    wrong.push('the end of a run is final');
  }
  for (const was of before.jobs.values()) {
    const job = after.jobs.get(was.id);
    if (!job) wrong.push(`${was.id} is gone`);
    else {
      if (job.epoch < was.epoch) wrong.push(`the epoch of ${was.id} went back`);
      if (!isOpen(was) && job.phase !== was.phase) wrong.push(`the end of ${was.id} is final`);
      if (was.result && job.result !== was.result) wrong.push(`a second result of ${was.id} was accepted`);
    }
  }
  if (isEnded(before) && after.jobs.size > before.jobs.size) wrong.push('an ended run started a job');
  return wrong;
}

/** The record of every outstanding dispatch of a run. */
export const openDispatches = (run: FoldedRun): OutboxRow[] =>
  [...run.jobs.values()].flatMap((job) => dispatchOf(run, job) ?? []);

/** What is wrong with what is recorded as outstanding: dispatch ids of the outbox, ids of the timers. */
export function illegalOutstanding(run: FoldedRun, outbox: ReadonlySet<string>, timers: ReadonlySet<string>): string[] {
  const wrong: string[] = [];
  const dispatches = new Set(openDispatches(run).map((row) => row.dispatchId));
  const open = new Set(openTimers(run).map((timer) => timer.id));
  for (const id of dispatches) if (!outbox.has(id)) wrong.push(`the outbox lacks ${id}`);
  for (const id of outbox) if (!dispatches.has(id)) wrong.push(`the outbox still has ${id}`);
  for (const id of open) if (!timers.has(id)) wrong.push(`the timer ${id} is missing`);
  for (const id of timers) if (!open.has(id)) wrong.push(`the timer ${id} is still there`);
  return wrong;
}
