// Stored rows as the public API shows them. Pure.
import { create, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ModelInfoSchema } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { type Run, RunSchema } from '../../../../gen/bowline/control/v1/run_service_pb.ts';
import {
  type Egress,
  EgressSchema,
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
import { toFailure } from '../../../contract/errors.ts';
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
  cancelling: JobStateProto.CANCELLING,
  done: JobStateProto.DONE,
  failed: JobStateProto.FAILED,
  cancelled: JobStateProto.CANCELLED,
  unknown: JobStateProto.UNKNOWN,
};

export function runView(row: StoredRun, jobs: readonly JobRow[] = []): Run {
  const shown = jobs.map(jobView);
  return create(RunSchema, {
    id: row.id,
    conversation: row.conversation ?? '',
    device: row.device ?? '',
    text: row.text,
    state: STATES[row.state],
    principal: row.principal,
    setAside: row.setAside ?? '',
    jobs: shown,
    egress: egressOf(row),
    createTime: timestampFromMs(row.createdAt),
    ...(row.endedAt === null ? {} : { endTime: timestampFromMs(row.endedAt), outcome: outcomeOf(row, shown) }),
  });
}

function outcomeOf(row: RunRow, jobs: Job[]): Outcome {
  const list = (value: unknown): JsonValue[] => (Array.isArray(value) ? (value as JsonValue[]) : []);
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
    ...(row.model ? { model: fromJson(ModelInfoSchema, row.model as JsonValue, { ignoreUnknownFields: true }) } : {}),
    ...(row.reason === null ? {} : { failure: failureOf(row.reason) }),
  });
}

function egressOf(row: RunRow): Egress[] {
  const list = Array.isArray(row.egress) ? (row.egress as JsonValue[]) : [];
  return list.map((each) => fromJson(EgressSchema, each, { ignoreUnknownFields: true }));
}

function jobView(row: JobRow): Job {
  return create(JobSchema, {
    id: row.id,
    method: row.method,
    target: row.target,
    state: JOB_STATES[row.state] ?? JobStateProto.UNSPECIFIED,
    attempts: row.attempts,
    elapsed: durationFromMs(Math.max((row.endedAt ?? row.startedAt ?? row.createdAt) - row.createdAt, 0)),
    ...(row.error === null ? {} : { failure: failureOf(row.error) }),
  });
}

/** A stored reason code with the text that this version has for it. */
function failureOf(reason: string) {
  const known = isReason(reason) ? ERRORS[reason] : undefined;
  return toFailure(
    new AppError({
      reason,
      code: known?.code ?? 'unknown',
      retryable: known?.retryable ?? false,
      message: (known?.message ?? reason).replace(/\{\{(\w+)\}\}|\s?\(?\{\w+\}\)?/g, (_, literal?: string) =>
        literal === undefined ? '' : `{${literal}}`,
      ),
    }),
  );
}
