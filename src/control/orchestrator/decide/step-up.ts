// When a model turn is asked again one tier up, and which answer wins then. Pure, part of `decide`.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { FinishReason } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { type JobQueued, JobQueuedSchema, TargetKind } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { EscalationReason, RunState as State } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { jobId } from '../../../base/ids.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { type TurnEnd, type UpReason, type UpRule, whyUp } from '../../../contract/routes/verdict.ts';
import { chatJob, chatOf, recipientsOfRun } from '../models/steps.ts';
import { judgeToolCalls } from '../models/tool-calls.ts';
import { asksForTools, offeredTools } from '../models/tool-offer.ts';
import type { Ending } from '../run/ending.ts';
import { CHAT_METHOD } from '../run/method-names.ts';
import { metMoney } from '../run/money.ts';
import type { FoldedJob, FoldedRun } from '../run/state.ts';
import type { RoutedTurn, StepUp, TurnRoutes } from './draft.ts';

const CODES: Readonly<Record<UpReason, EscalationReason>> = {
  confidence: EscalationReason.CONFIDENCE,
  schema: EscalationReason.SCHEMA,
  check: EscalationReason.CHECK,
  timeout: EscalationReason.TIMEOUT,
  failed: EscalationReason.FAILED,
};

/** As it is recorded with a turn what that is asked again for. */
export const codesOf = (reasons: readonly UpReason[]): EscalationReason[] => reasons.map((reason) => CODES[reason]);

const ruleOf = ({ route }: FoldedJob): UpRule => {
  const on = (Object.keys(CODES) as UpReason[]).filter((reason) => route?.on.includes(CODES[reason]));
  return { below: route?.below ?? 0, on };
};

/** A model turn. @param routed where routing rules send it */
export function turnJob(run: FoldedRun, step: number, recipients: readonly string[], routed?: RoutedTurn): JobQueued {
  const job = jobId(run.id, step, 0);
  return create(JobQueuedSchema, {
    job,
    method: CHAT_METHOD,
    target: TargetKind.WORKER,
    idempotencyKey: job,
    recipients: [...recipients],
    ...(routed && { route: routed.route, selector: { ...routed.selector } }),
    ...(routed && routed.timeoutMs > 0 && { timeout: durationFromMs(routed.timeoutMs) }),
  });
}

/** The first turn, and that it begins one tier up where its owner wants that. */
export function firstTurn(
  run: FoldedRun,
  recipients: readonly string[],
  routes: TurnRoutes | undefined,
): { readonly job: JobQueued; readonly up: StepUp | undefined } {
  const routed = routes?.first(run, recipients);
  const job = turnJob(run, 0, recipients, routed);
  if (routed?.from === undefined) return { job, up: undefined };
  return { job, up: { fromTier: routed.from, toTier: routed.route.tier, reason: EscalationReason.OWNER } };
}

/** A turn after the one of a step, where that was sent. */
export function laterTurn(run: FoldedRun, { step, route, selector, timeoutMs }: FoldedJob): JobQueued {
  return turnJob(run, step + 1, recipientsOfRun(run), route && { route, selector, timeoutMs });
}

/** The turn of a step once more, one tier up; undefined where it stands, or nobody serves a better one. */
export function betterTurn(
  run: FoldedRun,
  step: number,
  methods: MethodRegistry,
  routes: TurnRoutes | undefined,
): { readonly job: JobQueued; readonly up: StepUp } | undefined {
  const turn = chatJob(run, step);
  const { route } = turn ?? {};
  if (!turn || !route || route.next === '' || !routes) return undefined;
  const end = endOf(run, turn, methods);
  const why = whyUp(end, ruleOf(turn));
  if (!why || metMoney(run)) return undefined;
  const recipients = recipientsOfRun(run);
  const above = routes.above(run, route.tier, recipients);
  if (!above) return undefined;
  const sure = why === 'confidence' ? { confidence: end.confidence ?? 0, below: route.below } : {};
  const up = { job: turn.id, fromTier: route.tier, toTier: above.route.tier, reason: CODES[why], ...sure };
  return { job: turnJob(run, step + 1, recipients, above), up };
}

/** Whether a turn that failed so is asked again one tier up instead of at the same one. */
export function failsUpward(run: FoldedRun, job: FoldedJob, failure: Failure, routes: TurnRoutes | undefined): boolean {
  const { route } = job;
  if (!route || route.next === '' || !routes) return false;
  const why = whyUp(endOfFailure(failure), ruleOf(job));
  return why !== undefined && routes.above(run, route.tier, recipientsOfRun(run)) !== undefined;
}

/** Failures by which nothing was asked at all: a better model would meet the same. */
const NOT_ASKED: ReadonlySet<string> = new Set(['BUDGET_EXCEEDED', 'ASK_COST_MET', 'LIMIT_EXCEEDED', 'CANCELED']);

function endOfFailure({ reason }: Failure): TurnEnd {
  if (NOT_ASKED.has(reason)) return { kind: 'refused' };
  if (reason === 'DEADLINE_EXCEEDED') return { kind: 'late' };
  return { kind: reason === 'MODEL_OUTPUT_INVALID' ? 'unread' : 'failed' };
}

function endOf(run: FoldedRun, turn: FoldedJob, methods: MethodRegistry): TurnEnd {
  const { step } = turn;
  const said = chatOf(run, step);
  if (!said) return turn.lastFailure ? endOfFailure(turn.lastFailure) : { kind: 'failed' };
  if (asksForTools(run, step) && offeredTools(run, step).length > 0) {
    const isCallable = judgeToolCalls(run, step, methods).some(({ verdict }) => verdict.ok);
    return { kind: isCallable ? 'calls' : 'flawed' };
  }
  const { reason, confidence } = said.finish;
  const isWhole = said.text.trim() !== '' && reason !== FinishReason.LENGTH && reason !== FinishReason.FILTERED;
  return isWhole ? { kind: 'whole', confidence: confidence?.value } : { kind: 'flawed' };
}

/**
 * How a run ends whose last turn would end it so: where that is no whole answer, and a turn that was left for it gave a better one, it ends
 * as that would have. @param endingOf how it ends with the answer of a step
 */
export function withBest(run: FoldedRun, last: Ending, endingOf: (step: number) => Ending): Ending {
  if (isWhole(last)) return last;
  for (const { job } of [...run.escalations].reverse()) {
    const step = run.jobs.get(job)?.step;
    if (step === undefined || !chatOf(run, step)) continue;
    const before = endingOf(step);
    if (before.state === State.ANSWERED && (isWhole(before) || last.state !== State.ANSWERED))
      return { ...before, step };
  }
  return last;
}

const isWhole = ({ state, failure }: Ending): boolean => state === State.ANSWERED && !failure;
