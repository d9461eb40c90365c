// What a run is at a moment: the fold of its events. Data only, never changed in place; payload bytes are shared with the
// events they came in.

import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import type {
  CallSpec,
  CostBound,
  JobFinished,
  OfferedTool,
  Turn,
  TurnEscalated,
  TurnRoute,
} from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { Taint } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import type { CollectionUse, ShareGrant } from '../../../../gen/bowline/record/v1/record_pb.ts';
import type { Egress, Outcome } from '../../../../gen/bowline/run/v1/run_pb.ts';
import type { RunPhase } from '../../store/unit.ts';
import type { RecordedLimits } from './limits.ts';

/**
 * queued: dispatched or to be dispatched. running: its holder said so. retrying: waits for its timer, nothing is
 * dispatched. cancelling: unwanted, but its effect is not known yet. The others are final.
 */
export type JobPhase = 'queued' | 'running' | 'retrying' | 'cancelling' | 'done' | 'failed' | 'cancelled' | 'unknown';

/**
 * turn: a model turn of an ask, or the one job of a call. tool: a call that the model asked for. retrieval: looks passages up
 * before the first turn. child: called by the handler of another job. summary: sums the conversation up after the end.
 */
export type RoleInRun = 'turn' | 'tool' | 'retrieval' | 'child' | 'summary';

export interface UsageTotals {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens: number;
  readonly costMicros: number;
}

export interface FoldedJob {
  /** `run/step/index`. Index 0 is the model turn of the step, from 1 on its tool calls, from 1000 on everything else. */
  readonly id: string;
  readonly role: RoleInRun;
  /** For a child: the job that called it, in which attempt, as which of its calls. */
  readonly parent: { readonly job: string; readonly epoch: number; readonly number: number } | undefined;
  /** Slots of a worker that it takes. */
  readonly slots: number;
  readonly step: number;
  readonly index: number;
  /** Full method name. */
  readonly method: string;
  readonly target: 'worker' | 'device';
  /** Device id; empty for a worker. */
  readonly device: string;
  /** Serialized request; empty for a model turn. */
  readonly params: Uint8Array;
  readonly idempotencyKey: string;
  readonly toolCallId: string;
  readonly toolName: string;
  readonly selector: Readonly<Record<string, string>>;
  /** Providers that may see it; empty is any. */
  readonly recipients: readonly string[];
  /** Most time for all attempts; 0 is that of the run. */
  readonly timeoutMs: number;
  readonly phase: JobPhase;
  /** Since when it is in this phase. */
  readonly phaseAt: number;
  readonly epoch: number;
  /** Part of the ids of its dispatches to workers; empty for a device, and where none was made. */
  readonly nonce: string;
  /** Tries so far, the present one included. */
  readonly attempts: number;
  readonly failures: number;
  readonly losses: number;
  /** Tries that a worker gave back because it was to leave; they count neither as failures nor as losses. */
  readonly handBacks: number;
  /** Who gave the last one back, in words; empty when nobody did. */
  readonly handedBackBy: string;
  /** A device said that it has the call. */
  readonly received: boolean;
  /** Starts of the edge's process (boot ids) that had this attempt when their session ended without an answer. */
  readonly heldBy: readonly string[];
  /** Attempts whose result is recorded, accepted or not. */
  readonly settled: readonly number[];
  /** Who runs or ran it, for people; may be empty. */
  readonly targetName: string;
  readonly lastFailure: Failure | undefined;
  readonly result: JobFinished | undefined;
  readonly usage: UsageTotals;
  /** Reason code of its cancel. */
  readonly cancelReason: string;
  /** Milliseconds since 1970. */
  readonly queuedAt: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** When the next attempt is due, while retrying. */
  readonly dueAt: number;
  readonly cancellingAt: number;
  /** The owner of the device is asked first, whatever its configuration permits without. */
  readonly confirm: boolean;
  /** What the run had read before it. */
  readonly taints: readonly Taint[];
  /** Since when it waits for the owner of its device; 0 while it does not. */
  readonly heldAt: number;
  /** When the device stops to wait, while it does. */
  readonly heldUntil: number;
  /** Time that does not count, in milliseconds: with the owner's yes its time begins anew. */
  readonly heldMs: number;
  /** How often it was held. */
  readonly holds: number;
  /** What an attempt may cost at most; undefined where no budget was known. */
  readonly bound: CostBound | undefined;
  /** For a model turn: where routing rules sent it. */
  readonly route: TurnRoute | undefined;
}

export interface FoldedRun {
  /** Events folded so far: the version of the stream. */
  readonly version: number;
  readonly id: string;
  readonly tenant: string;
  readonly kind: 'ask' | 'call';
  /** Empty for a call. */
  readonly conversation: string;
  readonly device: string;
  readonly deviceName: string;
  readonly principal: string;
  readonly text: string;
  readonly shares: readonly ShareGrant[];
  /** Collections that its owner lets it look into; which of them it may use says `usableCollections`. */
  readonly collections: readonly CollectionUse[];
  readonly timeoutMs: number;
  /** Of the request of an owner's ask; empty for every other run, and for one that an older version began. */
  readonly requestDigest: Uint8Array;
  /** Most that it may cost, as whoever asked said; 0 is no such limit. */
  readonly maxCostMicros: number;
  /** The tier that its owner named; empty for none. */
  readonly tier: string;
  /** Its owner wants it to begin one tier up. */
  readonly better: boolean;
  /** The run whose question it asks again; empty for none. */
  readonly betterThan: string;
  /** The tier that answered that one. */
  readonly tierBefore: string;
  /** Turns that were asked again one tier up. */
  readonly escalations: readonly TurnEscalated[];
  readonly call: CallSpec | undefined;
  readonly limits: RecordedLimits;
  readonly phase: RunPhase;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly history: readonly Turn[];
  /** What was said before those turns, summed up; empty when nothing was. */
  readonly summary: string;
  /** Grants that the summary rests on. */
  readonly summaryGrants: readonly string[];
  /** What turns and summary brought into it. */
  readonly brought: readonly Taint[];
  /** Hosts that the operator lets a private run call. */
  readonly hosts: readonly string[];
  readonly tools: readonly OfferedTool[];
  /** By id, in the order they were queued. */
  readonly jobs: ReadonlyMap<string, FoldedJob>;
  /** Who wanted it to end; empty when nobody did. */
  readonly cancelledBy: string;
  readonly outcome: Outcome | undefined;
  /** Everything it used, failed and late attempts included. */
  readonly usage: UsageTotals;
  /** What left a device with results that came too late. */
  readonly lateEgress: readonly Egress[];
  /** Since when some job of it waits for an owner; 0 while none does. */
  readonly heldAt: number;
  /** How long it waited for owners before that, in milliseconds: time that does not count. */
  readonly heldMs: number;
  /** How often its time stood still. */
  readonly holds: number;
}

export const NO_USAGE: UsageTotals = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, costMicros: 0 };

export const isEnded = (run: FoldedRun): boolean => run.phase !== 'waiting' && run.phase !== 'running';

const OPEN: ReadonlySet<JobPhase> = new Set(['queued', 'running', 'retrying', 'cancelling']);

/** Whether its device asks its owner about it. */
export const isHeld = (job: FoldedJob): boolean => job.heldAt > 0;

/** Whether a job has no final phase yet. */
export const isOpen = (job: FoldedJob): boolean => OPEN.has(job.phase);

/** Whether a job is a model turn or a tool call: one of those that a limit of jobs counts. */
export const isPlanned = (job: FoldedJob): boolean => job.role === 'turn' || job.role === 'tool';

export const openJobs = (run: FoldedRun): FoldedJob[] => [...run.jobs.values()].filter(isOpen);
