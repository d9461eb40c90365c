// The rows that lists and pages read, made from a run's state. Whole rows, never parts.
import { toJson } from '@bufbuild/protobuf';
import { ModelInfoSchema } from '../../../../gen/bowline/common/v1/common_pb.ts';
import {
  type Egress,
  EgressSchema,
  EscalationSchema,
  LeftOutCollectionSchema,
  type Outcome,
  SourceSchema,
  WithheldSchema,
} from '../../../../gen/bowline/run/v1/run_pb.ts';
import type { ConversationRow, JobRow, RunRow } from '../../store/unit.ts';
import type { ConversationState } from '../run/conversation.ts';
import { targetText } from '../run/job-view.ts';
import { MAX_OUTCOME_ENTRIES } from '../run/limits.ts';
import { type FoldedJob, type FoldedRun, isHeld } from '../run/state.ts';
import { withheldOf } from './outcome.ts';

/** `sources`, `withheld`, `leftOut`, `egress` and `model` hold protobuf JSON of what stands in an Outcome of bowline.run.v1; `model` has more beside it. */
export function runRow(run: FoldedRun): RunRow {
  const { outcome, usage } = run;
  return {
    tenant: run.tenant,
    id: run.id,
    conversation: run.conversation || null,
    device: run.device || null,
    principal: run.principal,
    kind: run.kind,
    state: run.phase,
    text: run.kind === 'call' ? (run.call?.method ?? '') : run.text,
    answer: outcome?.answer ?? '',
    reason: outcome?.failure?.reason ?? null,
    createdAt: run.createdAt,
    endedAt: run.endedAt ?? null,
    usage: { inputTokens: usage.inputTokens, outputTokens: usage.outputTokens, costMicros: usage.costMicros },
    sources: (outcome?.sources ?? []).map((each) => toJson(SourceSchema, each)),
    withheld: (outcome ? withheldOf(run) : []).map((each) => toJson(WithheldSchema, each)),
    leftOut: (outcome?.leftOut ?? []).map((each) => toJson(LeftOutCollectionSchema, each)),
    egress: outcome ? egressOfRun(run).map((each) => toJson(EgressSchema, each)) : [],
    model: outcome ? answeredBy(run, outcome) : null,
  };
}

/** The model that answered, with its tier, what went up, and the tiers of the turns where there were routing rules; null for nothing of that. */
function answeredBy({ jobs }: FoldedRun, { model, tier, escalations }: Outcome): object | null {
  const told = model ? (toJson(ModelInfoSchema, model) as object) : null;
  const turns = [...jobs.values()].flatMap(({ id, route }) => (route ? [[id, route.tier] as const] : []));
  if (turns.length === 0) return told;
  const up = escalations.map((each) => toJson(EscalationSchema, each));
  return { ...told, tier, escalations: up, tiers: Object.fromEntries(turns) };
}

export function jobRow(run: FoldedRun, job: FoldedJob): JobRow {
  return {
    tenant: run.tenant,
    run: run.id,
    id: job.id,
    method: job.method,
    target: targetText(run, job),
    state: isHeld(job) ? 'approval' : job.phase,
    attempts: job.attempts,
    epoch: job.epoch,
    createdAt: job.queuedAt,
    startedAt: job.startedAt ?? null,
    endedAt: job.endedAt ?? null,
    error: job.phase === 'done' ? null : (job.lastFailure?.reason ?? null),
  };
}

/** What left devices for this run, as they told it; at most 1,024 entries. */
export function egressOfRun(run: FoldedRun): Egress[] {
  const all = [...run.jobs.values()].flatMap((job) => job.result?.egress ?? []);
  return [...all, ...run.lateEgress].slice(0, MAX_OUTCOME_ENTRIES);
}

export function conversationRow(conversation: ConversationState): ConversationRow {
  return {
    tenant: conversation.tenant,
    id: conversation.id,
    title: conversation.title,
    activeRun: conversation.active || null,
    waiting: conversation.waiting,
    turns: conversation.turns,
    device: conversation.device || null,
    createdAt: conversation.createdAt,
  };
}
