// What someone wants of a run. Everything `decide` uses comes in here and is recorded. Data only.
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import type { JobFinished, OfferedTool, RunAccepted, Turn } from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { Taint } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import type { Egress, Usage, Withheld } from '../../../../gen/bowline/run/v1/run_pb.ts';
import type { CommitUnit } from '../../store/unit.ts';

/** Who sends a command, and its name for that sender. */
export interface CommandId {
  /** Who sends it, e.g. `device:<id>:<journal>`, `worker`, `timer`. */
  readonly source: string;
  /** Unique for that sender; the same command always has the same. */
  readonly commandId: string;
  /** The device's session that it came by. When that stands no more, the command is not applied: SUPERSEDED is thrown. */
  readonly session?: CommitUnit['session'];
}

/** A new run. */
export interface AcceptCommand {
  readonly type: 'accept';
  readonly at: number;
  readonly accepted: RunAccepted;
}

/** Its turn comes. */
export interface StartCommand {
  readonly type: 'start';
  readonly at: number;
  readonly history: readonly Turn[];
  /** What was said before those turns, summed up, and the grants that this rests on. */
  readonly summary?: string | undefined;
  readonly summaryGrants?: readonly string[] | undefined;
  /** What turns and summary bring into it. */
  readonly taints: readonly Taint[];
  readonly tools: readonly OfferedTool[];
  /** Hosts that the operator lets a private run call; default none. */
  readonly hosts?: readonly string[] | undefined;
  /** Providers that may see the run's content; empty is any. */
  readonly recipients: readonly string[];
  /** The tier that answered the run whose question it asks again; default none. */
  readonly tierBefore?: string | undefined;
}

/** It is not taken at all. Only while it waits. */
export interface RefuseCommand {
  readonly type: 'refuse';
  readonly at: number;
  readonly failure: Failure;
}

/** An attempt of a job ended. */
export interface ResultCommand {
  readonly type: 'result';
  readonly at: number;
  readonly job: string;
  readonly epoch: number;
  /** As in JobFinished; `case` must be set. */
  readonly result: JobFinished['result'];
  readonly usage?: Usage | undefined;
  readonly withheld?: readonly Withheld[] | undefined;
  readonly egress?: readonly Egress[] | undefined;
  /** Who ran it, for people, e.g. `worker w1 (rules)`. */
  readonly targetName?: string | undefined;
  /** An error that came after the responses. */
  readonly trailingFailure?: Failure | undefined;
  /** Of one that never started: its idempotency key begins anew. */
  readonly keyFree?: boolean | undefined;
}

/** The handler of a running job calls a method of another worker. */
export interface ChildCallCommand {
  readonly type: 'childCall';
  readonly at: number;
  /** The calling job and its attempt. */
  readonly job: string;
  readonly epoch: number;
  /** Of the call within the attempt; the same number is the same call. */
  readonly number: number;
  /** Full method name. */
  readonly method: string;
  readonly params: Uint8Array;
  readonly selector: Readonly<Record<string, string>>;
}

/** For a worker method with an effect: commit this before the job is sent; when it is ignored, do not send. */
export interface AttemptStartedCommand {
  readonly type: 'attemptStarted';
  readonly at: number;
  readonly job: string;
  readonly epoch: number;
  readonly targetName: string;
}

/** A device has the call. */
export interface ReceivedCommand {
  readonly type: 'received';
  readonly at: number;
  readonly job: string;
  readonly epoch: number;
  /** The session of the device ended while this start of its edge (boot id) had the call, and no answer came. */
  readonly heldBy?: string;
}

/** A device asks its owner about a call, or has the owner's yes. */
export interface HeldCommand {
  readonly type: 'held';
  readonly at: number;
  readonly job: string;
  readonly epoch: number;
  /** How long the owner has from now on, in milliseconds; undefined: the owner has said yes. */
  readonly leftMs: number | undefined;
}

/** A start of a device's edge (boot id) is there that is not to be sent the call, because the ones before ended at it. */
export interface EndsEdgesCommand {
  readonly type: 'endsEdges';
  readonly at: number;
  readonly job: string;
  readonly epoch: number;
  readonly boot: string;
  /** Who would get it, for people. */
  readonly targetName: string;
}

/** Whoever held the attempt is gone, or gave it back. */
export interface AttemptLostCommand {
  readonly type: 'attemptLost';
  readonly at: number;
  readonly job: string;
  readonly epoch: number;
  readonly why: string;
  /** Its worker was to leave. unbegun: it had not begun with it, so nothing can have happened. */
  readonly handedBack?: 'begun' | 'unbegun' | undefined;
}

/** A durable timer fell due. */
export interface TimerCommand {
  readonly type: 'timer';
  readonly at: number;
  readonly id: string;
  readonly kind: string;
}

/** The owner wants it to end. */
export interface CancelCommand {
  readonly type: 'cancel';
  readonly at: number;
  readonly principal: string;
  readonly requestId: string;
}

export type RunCommand =
  | AcceptCommand
  | StartCommand
  | RefuseCommand
  | ResultCommand
  | ChildCallCommand
  | AttemptStartedCommand
  | ReceivedCommand
  | HeldCommand
  | EndsEdgesCommand
  | AttemptLostCommand
  | TimerCommand
  | CancelCommand;

type WithoutTime<C> = C extends RunCommand ? Omit<C, 'at'> & { readonly at?: number } : never;

/** A command to an existing run as it is handed to the orchestrator, which adds the time. */
export type UntimedCommand = WithoutTime<Exclude<RunCommand, AcceptCommand | StartCommand | RefuseCommand>>;
