// The limits of runs: what is recorded with a run, and what the service bounds beside it. Numbers only.
import { create } from '@bufbuild/protobuf';
import { type RunLimits, RunLimitsSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';

/** Limits that are recorded with each run; `decide` uses nothing else. */
export interface RecordedLimits {
  /** Model turns. */
  readonly maxSteps: number;
  /** Jobs in all. */
  readonly maxJobs: number;
  /** Tool calls in one step. */
  readonly maxParallel: number;
  /** Attempts of one job that end in an error. */
  readonly maxAttempts: number;
  /** Bytes of tool results given to the model. */
  readonly maxToolBytes: number;
  /** How deep the handlers of jobs may call other jobs, at least 1. */
  readonly maxDepth: number;
  /** Money in millionths; what is under way when it is met is still paid. 0 is no limit. */
  readonly maxCostMicros: number;
  /** Turns of a conversation after which it is summed up; 0 is never. */
  readonly summaryTurns: number;
  /** Starts of an edge that may end while they have one attempt of a tool call; then it is not sent again. */
  readonly maxEdgeEnds: number;
}

export interface OrchestratorLimits extends RecordedLimits {
  /** Most time of a run that states none, in milliseconds. */
  readonly runTimeoutMs: number;
  /** Most time that a run may state. */
  readonly maxRunTimeoutMs: number;
  /** Runs that may wait in one conversation. */
  readonly maxWaitingRuns: number;
  /** Turns of a conversation given to the model, and their characters in all. */
  readonly historyTurns: number;
  readonly historyChars: number;
}

export const DEFAULT_RUN_LIMITS: OrchestratorLimits = {
  maxSteps: 8,
  maxJobs: 64,
  maxParallel: 8,
  maxAttempts: 4,
  maxToolBytes: 512 * 1024,
  maxDepth: 2,
  maxCostMicros: 0,
  summaryTurns: 6,
  maxEdgeEnds: 3,
  runTimeoutMs: 10 * 60_000,
  maxRunTimeoutMs: 24 * 3_600_000,
  maxWaitingRuns: 64,
  historyTurns: 20,
  historyChars: 32_000,
};

/**
 * Attempts beyond `maxAttempts` of a job whose target was not there (gRPC UNAVAILABLE): the waits between them are longest, and in
 * all about half a minute is given to what is being started again.
 */
export const MORE_WHILE_AWAY = 3;

/** Responses of one job in bytes; a larger result is recorded as a failure, because no commit could hold it. */
export const MAX_RESULT_BYTES = 16 << 20;

/** Withheld and egress entries kept of one job, and of one run. */
export const MAX_OUTCOME_ENTRIES = 1024;

/** Characters of an answer. */
export const MAX_ANSWER_CHARS = 4 << 20;

/** Tool calls of one answer that are looked at; the rest is dropped. */
export const MAX_CALLS_READ = 64;

/** Jobs that are neither model turns nor tool calls are numbered from here on in their step. */
export const FIRST_CHILD_INDEX = 1000;

/** Jobs that the handlers of a run's jobs call, over the whole run. */
export const MAX_CHILDREN = 256;

/** Bytes of the arguments of one tool call. */
export const MAX_ARGUMENT_BYTES = 1 << 20;

/** Times that the holder of a job may be lost, for each attempt that may fail. */
export const LOSSES_PER_ATTEMPT = 4;

/** So often workers may give one job back before that counts as a loss: no run is passed on for ever. */
export const MAX_HAND_BACKS = 64;

/** How long a cancelled job with an effect is waited for; then it is unknown. Milliseconds. */
export const CANCEL_GRACE_MS = 60_000;

/** How long after its owner's time is over a device may take to say what became of a call; then it is stopped. Milliseconds. */
export const HELD_GRACE_MS = 5 * 60_000;

/** The longest that a device may wait for its owner, as it says, and how often one call may wait. */
export const MAX_HELD_MS = 31 * 24 * 3_600_000;
export const MAX_HOLDS = 64;

/** Most time for all attempts of a tool call that the planner asked for. Milliseconds. */
export const TOOL_TIMEOUT_MS = 5 * 60_000;

/** Most time for the search before the first model turn, and for the summary after the answer. Milliseconds. */
export const RETRIEVAL_TIMEOUT_MS = 60_000;
export const SUMMARY_TIMEOUT_MS = 2 * 60_000;

/** Bytes of an ask that are searched for in collections. */
export const MAX_QUERY_BYTES = 8 * 1024;

/** Characters of one result of a worker's tool that the model is given. */
export const MAX_WORKER_RESULT_CHARS = 128 * 1024;

/** Characters of asks and answers after which a conversation is summed up before its number of turns: half of what fits. */
export const SUMMARY_AFTER_CHARS = DEFAULT_RUN_LIMITS.historyChars / 2;

/** Characters that are summed up at once, and characters of a summary. */
export const SUMMARY_INPUT_CHARS = 50_000;
export const MAX_SUMMARY_CHARS = 4_000;

export const limitsToProto = (limits: RecordedLimits): RunLimits =>
  create(RunLimitsSchema, {
    maxSteps: limits.maxSteps,
    maxJobs: limits.maxJobs,
    maxParallel: limits.maxParallel,
    maxAttempts: limits.maxAttempts,
    maxToolBytes: BigInt(limits.maxToolBytes),
    maxDepth: limits.maxDepth,
    maxCostMicros: BigInt(limits.maxCostMicros),
    summaryTurns: limits.summaryTurns,
    maxEdgeEnds: limits.maxEdgeEnds,
  });

/** A missing number (an older event) is the default. */
export const limitsFromProto = (limits: RunLimits | undefined): RecordedLimits => ({
  maxSteps: limits?.maxSteps || DEFAULT_RUN_LIMITS.maxSteps,
  maxJobs: limits?.maxJobs || DEFAULT_RUN_LIMITS.maxJobs,
  maxParallel: limits?.maxParallel || DEFAULT_RUN_LIMITS.maxParallel,
  maxAttempts: limits?.maxAttempts || DEFAULT_RUN_LIMITS.maxAttempts,
  maxToolBytes: Number(limits?.maxToolBytes ?? 0n) || DEFAULT_RUN_LIMITS.maxToolBytes,
  maxDepth: limits?.maxDepth || DEFAULT_RUN_LIMITS.maxDepth,
  maxCostMicros: Number(limits?.maxCostMicros ?? 0n),
  summaryTurns: limits?.summaryTurns ?? 0,
  maxEdgeEnds: limits?.maxEdgeEnds || DEFAULT_RUN_LIMITS.maxEdgeEnds,
});
