// Stored rows as the public API shows them. Pure.
import { create, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Failure, FailureSchema, ModelInfoSchema } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { type Run, RunSchema } from '../../../../gen/bowline/control/v1/run_service_pb.ts';
import {
  type Egress,
  EgressSchema,
  EscalationSchema,
  type Job,
  JobSchema,
  JobState as JobStateProto,
  LeftOutCollectionSchema,
  type Outcome,
  OutcomeSchema,
  RunState as RunStateProto,
  SourceSchema,
  WithheldSchema,
} from '../../../../gen/bowline/run/v1/run_pb.ts';
import { AppError, ERRORS, isReason } from '../../../base/errors.ts';
import { isRecord } from '../../../base/is-record.ts';
import { codeNumber, fromFailure, toFailure } from '../../../contract/errors.ts';
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import type { StoredRun } from '../../store/runs.ts';
import type { JobRow, RunPhase, RunRow } from '../../store/unit.ts';

const STATES: Record<RunPhase, RunStateProto> = {
  waiting: RunStateProto.WAITING,
  running: RunStateProto.RUNNING,
  answered: RunStateProto.ANSWERED,
  refused: RunStateProto.REFUSED,
  failed: RunStateProto.FAILED,
  cancelled: RunStateProto.CANCELLED,
  timed_out: RunStateProto.TIMED_OUT,
};

const JOB_STATES: Readonly<Record<string, JobStateProto>> = {
  queued: JobStateProto.QUEUED,
  running: JobStateProto.RUNNING,
  retrying: JobStateProto.RETRYING,
  approval: JobStateProto.APPROVAL,
  cancelling: JobStateProto.CANCELLING,
  done: JobStateProto.DONE,
  failed: JobStateProto.FAILED,
  cancelled: JobStateProto.CANCELLED,
  unknown: JobStateProto.UNKNOWN,
};

export function runView(row: StoredRun, jobs: readonly JobRow[] = []): Run {
  const { tiers } = answeredBy(row);
  const shown = jobs.map((job) => jobView(job, tiers[job.id]));
  return create(RunSchema, {
    id: row.id,
    conversation: row.conversation ?? '',
    device: row.device ?? '',
    text: row.text,
    state: STATES[row.state],
    principal: row.principal,
    setAside: row.setAside ?? '',
    waitsForOwner: row.waitsForOwner ?? false,
    jobs: shown,
    egress: egressOf(row),
    createTime: timestampFromMs(row.createdAt),
    ...(row.endedAt === null ? {} : { endTime: timestampFromMs(row.endedAt), outcome: outcomeOf(row, shown) }),
  });
}

/** What a row has of who answered: see `runRow`. */
function answeredBy({ model }: Pick<RunRow, 'model'>) {
  const told = isRecord(model) ? model : {};
  return {
    model: 'provider' in told ? (told as JsonValue) : undefined,
    tier: typeof told.tier === 'string' ? told.tier : '',
    escalations: told.escalations,
    tiers: (isRecord(told.tiers) ? told.tiers : {}) as Readonly<Record<string, string | undefined>>,
  };
}

function outcomeOf(row: RunRow, jobs: Job[]): Outcome {
  const list = (value: unknown): JsonValue[] => (Array.isArray(value) ? (value as JsonValue[]) : []);
  const { model, tier, escalations } = answeredBy(row);
  return create(OutcomeSchema, {
    state: STATES[row.state],
    answer: row.answer,
    jobs,
    sources: list(row.sources).map((each) => fromJson(SourceSchema, each, { ignoreUnknownFields: true })),
    withheld: list(row.withheld).map((each) => fromJson(WithheldSchema, each, { ignoreUnknownFields: true })),
    leftOut: list(row.leftOut).map((each) => fromJson(LeftOutCollectionSchema, each, { ignoreUnknownFields: true })),
    usage: {
      inputTokens: BigInt(row.usage.inputTokens),
      outputTokens: BigInt(row.usage.outputTokens),
      costMicros: BigInt(row.usage.costMicros),
    },
    tier,
    escalations: list(escalations).map((each) => fromJson(EscalationSchema, each, { ignoreUnknownFields: true })),
    ...(model ? { model: fromJson(ModelInfoSchema, model, { ignoreUnknownFields: true }) } : {}),
    ...(row.reason === null ? {} : { failure: failureOf(row.reason, (row.endedAt ?? row.createdAt) - row.createdAt) }),
  });
}

/** With the failures as they were recorded: the rows have their reasons alone, and what they say may name a budget or a command. */
export function withRecorded(view: Run, state: FoldedRun | undefined): Run {
  const recorded = (shown: { failure?: Failure | undefined }, known: Failure | undefined): void => {
    if (shown.failure && known?.reason === shown.failure.reason) shown.failure = toFailure(fromFailure(known));
  };
  if (view.outcome) recorded(view.outcome, state?.outcome?.failure);
  for (const job of view.jobs) recorded(job, state?.jobs.get(job.id)?.lastFailure);
  return view;
}

function egressOf(row: RunRow): Egress[] {
  const list = Array.isArray(row.egress) ? (row.egress as JsonValue[]) : [];
  return list.map((each) => fromJson(EgressSchema, each, { ignoreUnknownFields: true }));
}

function jobView(row: JobRow, tier = ''): Job {
  const tookMs = Math.max((row.endedAt ?? row.startedAt ?? row.createdAt) - row.createdAt, 0);
  return create(JobSchema, {
    id: row.id,
    method: row.method,
    target: row.target,
    state: JOB_STATES[row.state] ?? JobStateProto.UNSPECIFIED,
    attempts: row.attempts,
    tier,
    elapsed: durationFromMs(tookMs),
    ...(row.error === null ? {} : { failure: failureOf(row.error, tookMs) }),
  });
}

/** A stored reason with the text that this version has for it: the values of the text are not stored, but how long it took is. */
function failureOf(reason: string, tookMs: number): Failure {
  if (reason === 'DEADLINE_EXCEEDED') return toFailure(new AppError('DEADLINE_EXCEEDED', { after: secondsOf(tookMs) }));
  const { code, retryable } = isReason(reason) ? ERRORS[reason] : { code: 'unknown' as const, retryable: false };
  return toFailure(fromFailure(create(FailureSchema, { reason, code: codeNumber(code), retryable })));
}

const secondsOf = (ms: number): string => `${Math.max(ms, 0) / 1000} s`;
