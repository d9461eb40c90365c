// Decides what a running run does next, from its state alone: wait, queue jobs, or end. It reads no clock and starts nothing.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { FinishReason } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { type JobQueued, JobQueuedSchema, TargetKind } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { RunState as State } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { jobId } from '../../../base/ids.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { searchJob, searchOf } from '../models/retrieval.ts';
import { bestText, chatJob, chatOf, lastStep, recipientsOfRun } from '../models/steps.ts';
import { type JudgedCall, judgeToolCalls } from '../models/tool-calls.ts';
import { asksForTools, metLimit, offeredTools } from '../models/tool-offer.ts';
import type { Ending } from '../run/ending.ts';
import { TOOL_TIMEOUT_MS } from '../run/limits.ts';
import { metMoney } from '../run/money.ts';
import { type FoldedJob, type FoldedRun, openJobs } from '../run/state.ts';
import type { StepUp, TurnRoutes } from './draft.ts';
import { stateOfFailure } from './failure-phase.ts';
import { betterTurn, firstTurn, laterTurn, withBest } from './step-up.ts';

export type NextStep =
  | { readonly kind: 'wait' }
  /** `up`: its one job is a model turn one tier up. */
  | { readonly kind: 'queue'; readonly jobs: readonly JobQueued[]; readonly up?: StepUp | undefined }
  | { readonly kind: 'end'; readonly ending: Ending };

/** What comes next for a running run. `recipients` binds its first job; later jobs take those of the first. */
export function nextStep(
  run: FoldedRun,
  methods: MethodRegistry,
  recipients: readonly string[] = [],
  routes?: TurnRoutes,
): NextStep {
  if (openJobs(run).length > 0) return { kind: 'wait' };
  return run.kind === 'call' ? nextOfCall(run, methods) : nextOfAsk(run, methods, recipients, routes);
}

function nextOfCall(run: FoldedRun, methods: MethodRegistry): NextStep {
  const job = run.jobs.get(jobId(run.id, 0, 0));
  if (!job) {
    const { call } = run;
    if (!call)
      throw new AppError('HISTORY_INVALID', { stream: run.id, version: run.version, problem: 'it calls nothing' });
    const queued = create(JobQueuedSchema, {
      job: jobId(run.id, 0, 0),
      method: call.method,
      target: call.target,
      device: call.target === TargetKind.DEVICE ? run.device : '',
      params: call.params,
      idempotencyKey: call.idempotencyKey || run.id,
      selector: call.selector,
      slots: call.target === TargetKind.WORKER ? (methods.byFullName(call.method)?.slots ?? 1) : 1,
    });
    return { kind: 'queue', jobs: [queued] };
  }
  return { kind: 'end', ending: job.phase === 'done' ? { state: State.ANSWERED } : failed(job) };
}

function nextOfAsk(
  run: FoldedRun,
  methods: MethodRegistry,
  recipients: readonly string[],
  routes: TurnRoutes | undefined,
): NextStep {
  const step = lastStep(run);
  if (step < 0) return first(run, methods, recipients, routes);
  const better = betterTurn(run, step, methods, routes);
  if (better) return queue(better.job, better.up);
  const turn = chatJob(run, step);
  const said = chatOf(run, step);
  const end = (ending: Ending): NextStep => ({
    kind: 'end',
    ending: withBest(run, ending, (before) => answered(run, before)),
  });
  if (!turn || !said) return end(turn ? failed(turn, bestText(run)) : nothingSaid(run));
  if (!asksForTools(run, step) || offeredTools(run, step).length === 0) return end(answered(run, step));
  const met = metMoney(run);
  if (met) return end(stopped(run, met));
  // A step whose tools were queued has none open any more: all of them are settled.
  if ([...run.jobs.values()].some((job) => job.step === step && job.role === 'tool'))
    return queue(laterTurn(run, turn));
  const calls = judgeToolCalls(run, step, methods);
  const jobs = calls.flatMap((call) => tool(run, step, call));
  return jobs.length > 0 ? { kind: 'queue', jobs } : queue(laterTurn(run, turn));
}

/** The search in the run's collections, if there is one to make, and then the first model turn. */
function first(
  run: FoldedRun,
  methods: MethodRegistry,
  recipients: readonly string[],
  routes: TurnRoutes | undefined,
): NextStep {
  const isSearched = searchOf(run) !== undefined;
  const met = isSearched ? metMoney(run) : undefined;
  if (met) return { kind: 'end', ending: stopped(run, met) };
  const search = isSearched ? undefined : searchJob(run, methods, recipients);
  if (search) return queue(search);
  const { job, up } = firstTurn(run, isSearched ? recipientsOfRun(run) : recipients, routes);
  return queue(job, up);
}

const queue = (job: JobQueued, up?: StepUp): NextStep => ({ kind: 'queue', jobs: [job], up });

function tool(run: FoldedRun, step: number, { index, call, verdict }: JudgedCall): JobQueued[] {
  if (!verdict.ok) return [];
  const job = jobId(run.id, step, index);
  const onDevice = verdict.tool.target === TargetKind.DEVICE;
  return [
    create(JobQueuedSchema, {
      job,
      method: verdict.tool.method,
      target: onDevice ? TargetKind.DEVICE : TargetKind.WORKER,
      device: onDevice ? run.device : '',
      params: verdict.params,
      idempotencyKey: job,
      toolCallId: call.id,
      toolName: call.name,
      recipients: [...recipientsOfRun(run)],
      timeout: durationFromMs(TOOL_TIMEOUT_MS),
      slots: onDevice ? 1 : verdict.method.slots,
      confirm: verdict.precaution.confirm,
      taints: [...verdict.precaution.taints],
    }),
  ];
}

/** The end of a run that met a limit before its answer: what is known so far. */
function stopped(run: FoldedRun, met: AppError): Ending {
  const answer = bestText(run);
  return { state: answer ? State.ANSWERED : State.REFUSED, answer, failure: toFailure(met) };
}

/** The end after a model turn that asked for no tool that it may have. */
function answered(run: FoldedRun, step: number): Ending {
  const said = chatOf(run, step);
  const text = said?.text.trim() ?? '';
  const met = run.tools.length > 0 && step > 0 ? metLimit(run, step) : undefined;
  if (met) {
    const failure = toFailure(met);
    const answer = text || bestText(run);
    return { state: answer ? State.ANSWERED : State.REFUSED, answer, failure };
  }
  if (said?.finish.reason === FinishReason.FILTERED) {
    const failure = toFailure(new AppError('ANSWER_FILTERED'));
    return { state: text ? State.ANSWERED : State.REFUSED, answer: text, failure };
  }
  if (!text) return nothingSaid(run);
  if (said?.finish.reason === FinishReason.LENGTH) {
    return { state: State.ANSWERED, answer: text, failure: toFailure(new AppError('ANSWER_CUT')) };
  }
  return { state: State.ANSWERED, answer: text };
}

const nothingSaid = (run: FoldedRun): Ending => ({
  state: State.FAILED,
  answer: bestText(run),
  failure: toFailure(new AppError('ANSWER_EMPTY')),
});

function failed(job: FoldedJob, answer = ''): Ending {
  const why = job.cancelReason || 'its job was stopped';
  const failure = job.lastFailure ?? toFailure(new AppError('OUTCOME_UNKNOWN', { why }));
  return { state: job.phase === 'unknown' ? State.FAILED : stateOfFailure(failure), answer, failure };
}
