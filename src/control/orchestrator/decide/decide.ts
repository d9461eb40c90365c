// The pure core: a state and a command give events. It reads no clock, no socket and no database; whatever it uses is in
// the command or in the state. A command that changes nothing gives no events.
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { RunEvent } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { RunState as State } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { bestText } from '../models/steps.ts';
import { summaryJob } from '../models/summary.ts';
import { type FoldedJob, type FoldedRun, isEnded, openJobs } from '../run/state.ts';
import {
  decideEndsEdges,
  decideHeld,
  decideLost,
  decideReceived,
  decideResult,
  decideStarted,
  finishAs,
} from './decide-attempt.ts';
import { decideChild, orphans } from './decide-child.ts';
import { DecisionDraft, type DecisionInputs } from './draft.ts';
import { metOwnCost, worstCase } from './money-rows.ts';
import { openTimers } from './open-timers.ts';
import { outcomeOf } from './outcome.ts';
import { nextStep } from './planner.ts';
import type { CancelCommand, RefuseCommand, RunCommand, StartCommand, TimerCommand } from './run-commands.ts';
import { mayHaveHappened } from './uncertain.ts';

export interface Decision {
  readonly events: readonly RunEvent[];
  /** The state after the events; undefined only when there is no run. */
  readonly state: FoldedRun | undefined;
  /** ignored: the command changes nothing (any more). */
  readonly outcome: 'applied' | 'ignored';
}

/** What follows from a command. Throws only for a history that this version cannot read. */
export function decide(
  state: FoldedRun | undefined,
  command: RunCommand,
  methods: MethodRegistry,
  given: DecisionInputs = {},
): Decision {
  const draft = new DecisionDraft(state, command.at, methods, given);
  if (command.type === 'accept') {
    if (!state) draft.add({ case: 'accepted', value: command.accepted });
  } else if (state) {
    apply(draft, command);
    if (given.met?.size || state.maxCostMicros > 0) meetBudgets(draft, state, given);
  }
  return { events: draft.events, state: draft.state, outcome: draft.events.length > 0 ? 'applied' : 'ignored' };
}

function apply(draft: DecisionDraft, command: Exclude<RunCommand, { type: 'accept' }>): void {
  react(draft, command);
  stopOrphans(draft);
}

/** What would begin now and has no room in a budget ends with that, or, where it is postponed, waits for a commit of its own. */
function meetBudgets(draft: DecisionDraft, before: FoldedRun, { met, postponed = false }: DecisionInputs): void {
  const meets = (job: FoldedJob) => met?.get(job.id) ?? metOwnCost(draft.run, job, draft.methods);
  const begins = (job: FoldedJob) => {
    const was = before.jobs.get(job.id);
    const isNew = job.phase === 'queued' && !(was?.phase === 'queued' && was.epoch === job.epoch);
    return isNew && meets(job) !== undefined;
  };
  for (let job = [...draft.run.jobs.values()].find(begins); job; job = [...draft.run.jobs.values()].find(begins)) {
    const failure = meets(job)!;
    if (postponed) {
      const epochs = { epoch: BigInt(job.epoch), nextEpoch: draft.epochAfter(job.epoch) };
      draft.add({ case: 'attemptFailed', value: { job: job.id, ...epochs, failure, delay: durationFromMs(0) } });
    } else {
      finishAs(draft, job, 'failure', failure);
      goOn(draft);
    }
    stopOrphans(draft);
  }
}

function react(draft: DecisionDraft, command: Exclude<RunCommand, { type: 'accept' }>): void {
  switch (command.type) {
    case 'start':
      start(draft, command);
      break;
    case 'refuse':
      refuse(draft, command);
      break;
    case 'result':
      if (decideResult(draft, command)) goOn(draft);
      break;
    case 'childCall':
      if (!isEnded(draft.run)) decideChild(draft, command);
      break;
    case 'attemptStarted':
      decideStarted(draft, command);
      break;
    case 'received':
      decideReceived(draft, command);
      break;
    case 'held':
      decideHeld(draft, command);
      break;
    case 'endsEdges':
      if (decideEndsEdges(draft, command)) goOn(draft);
      break;
    case 'attemptLost':
      if (decideLost(draft, command)) goOn(draft);
      break;
    case 'timer':
      timer(draft, command);
      break;
    case 'cancel':
      cancel(draft, command);
      break;
  }
}

function start(draft: DecisionDraft, command: StartCommand): void {
  if (draft.run.phase !== 'waiting') return;
  const { history, tools, summary = '', summaryGrants = [], taints, hosts = [], tierBefore = '' } = command;
  draft.add({
    case: 'started',
    value: {
      history: [...history],
      tools: [...tools],
      summary,
      summaryGrants: [...summaryGrants],
      taints: [...taints],
      hosts: [...hosts],
      tierBefore,
    },
  });
  goOn(draft, command.recipients);
}

function refuse(draft: DecisionDraft, { failure }: RefuseCommand): void {
  if (draft.run.phase !== 'waiting') return;
  end(draft, { state: State.REFUSED, failure });
}

/** Plans on while the run is at work. */
function goOn(draft: DecisionDraft, recipients: readonly string[] = []): void {
  stopOrphans(draft);
  if (draft.run.phase !== 'running') return;
  const next = nextStep(draft.run, draft.methods, recipients, draft.routes);
  if (next.kind === 'queue') {
    const { jobs, up } = next;
    const most = (run: FoldedRun, id: string) => worstCase(run, run.jobs.get(id)!, draft.methods)?.micros ?? 0;
    for (const job of jobs) {
      if (up) draft.queueBetter(up, job, most);
      else draft.queue(job);
    }
  }
  if (next.kind === 'end') {
    const summary = summaryJob(draft.run, next.ending);
    if (summary) draft.queue(summary);
    end(draft, next.ending);
  }
}

function end(draft: DecisionDraft, ending: Parameters<typeof outcomeOf>[1]): void {
  draft.add({ case: 'ended', value: { outcome: outcomeOf(draft.run, ending) } });
}

function cancel(draft: DecisionDraft, { principal }: CancelCommand): void {
  if (isEnded(draft.run)) return;
  draft.add({ case: 'cancelRequested', value: { principal } });
  for (const job of openJobs(draft.run)) stop(draft, job, 'CANCELED');
  end(draft, { state: State.CANCELLED, answer: bestText(draft.run), failure: toFailure(new AppError('CANCELED')) });
}

/** What a job called ends with the attempt that called it. */
function stopOrphans(draft: DecisionDraft): void {
  // Stopping one may leave those that it called.
  for (let found = orphans(draft.run); found.length > 0; found = orphans(draft.run)) {
    const stopped = found.filter(({ phase }) => phase !== 'cancelling');
    if (stopped.length === 0) return;
    for (const job of stopped) stop(draft, job, 'CANCELED');
  }
}

/** Stops a job: at once, or, where its effect may have happened, when its holder has told. */
function stop(draft: DecisionDraft, job: FoldedJob, reason: string): void {
  if (job.phase === 'cancelling') return;
  const epoch = BigInt(job.epoch);
  if (mayHaveHappened(job, draft.methods)) {
    draft.add({ case: 'jobCancelling', value: { job: job.id, epoch, reason } });
  } else {
    draft.add({ case: 'jobCancelled', value: { job: job.id, epoch } });
  }
}

// A timer that is not open any more changes nothing; its row goes with the commit that says so.
function timer(draft: DecisionDraft, { id }: TimerCommand): void {
  const due = openTimers(draft.run).find((each) => each.id === id);
  const job = due && draft.run.jobs.get(due.job);
  if (due?.kind === 'deadline') {
    deadline(draft);
  } else if (due?.kind === 'retry' && job) {
    retry(draft, job);
  } else if (due?.kind === 'cancel' && job) {
    const why = 'it was stopped, and its holder never said what became of it';
    finishAs(draft, job, 'unknown', toFailure(new AppError('OUTCOME_UNKNOWN', { why })));
    goOn(draft);
  } else if (due?.kind === 'timeout' && job) {
    timeout(draft, job, 'DEADLINE_EXCEEDED', new AppError('DEADLINE_EXCEEDED', { after: `${job.timeoutMs / 1000} s` }));
  } else if (due?.kind === 'held' && job) {
    timeout(draft, job, 'APPROVAL_EXPIRED', new AppError('APPROVAL_EXPIRED'));
  }
}

/** An epoch from before the database was restored may be at work somewhere, so that one is passed over. */
function retry(draft: DecisionDraft, { id, epoch }: FoldedJob): void {
  draft.add({ case: 'attemptDue', value: { job: id, epoch: BigInt(epoch) } });
  const nextEpoch = draft.epochAfter(epoch - 1);
  if (nextEpoch === BigInt(epoch)) return;
  const why = 'the database was restored meanwhile';
  draft.add({ case: 'attemptLost', value: { job: id, epoch: BigInt(epoch), nextEpoch, why } });
}

function timeout(draft: DecisionDraft, job: FoldedJob, reason: string, error: AppError): void {
  if (mayHaveHappened(job, draft.methods)) {
    stop(draft, job, reason);
    return;
  }
  finishAs(draft, job, 'failure', toFailure(error));
  goOn(draft);
}

function deadline(draft: DecisionDraft): void {
  const { run } = draft;
  for (const job of openJobs(run)) stop(draft, job, 'DEADLINE_EXCEEDED');
  const failure = toFailure(new AppError('DEADLINE_EXCEEDED', { after: `${run.timeoutMs / 1000} s` }));
  end(draft, { state: State.TIMED_OUT, answer: bestText(run), failure });
}
