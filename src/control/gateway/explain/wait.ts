// What a reason to wait is made of, and what the rows of the tables look at. Data only.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CandidateSchema } from '../../../../gen/bowline/control/v1/run_service_pb.ts';
import type { FoldedJob, FoldedRun } from '../../orchestrator/run/state.ts';
import type { WorkerView } from '../../routing/worker-view.ts';

export interface DeviceFacts {
  readonly connected: boolean;
  /** Milliseconds since 1970; undefined where it never was. */
  readonly lastSeen: number | undefined;
}

/** What surrounds a run at the moment of the question. */
export interface World {
  readonly now: number;
  readonly workers: readonly WorkerView[];
  /** How long the start of a declared pool may take, in milliseconds. */
  readonly poolStartMs: number;
  /** By id; the devices that jobs of the run are for. */
  readonly devices: ReadonlyMap<string, DeviceFacts>;
  /** The run that has the turn in its conversation; empty where none or not known. */
  readonly before: string;
}

/** One reason, as it is told. */
export interface Wait {
  /** A sentence for people. */
  readonly waitsFor: string;
  /** What a person can do, with a command or an act; the last line of what is told. */
  readonly act: string;
  /** Since when, in milliseconds since 1970. */
  readonly since?: number | undefined;
  /** When it goes on by itself, where that is known. */
  readonly until?: number | undefined;
  /** Nobody who is connected or being started could ever serve it. */
  readonly never?: boolean;
  /** Somebody is at it, or is about to be: another job's reason is told first. */
  readonly underWay?: boolean;
  readonly candidates?: readonly MessageInitShape<typeof CandidateSchema>[];
}

export interface JobSubject {
  readonly run: FoldedRun;
  readonly job: FoldedJob;
  readonly world: World;
}

/** A row of a table: the first one that answers is the reason. Pure. */
export interface WaitReason<Subject> {
  /** UPPER_SNAKE, as programs see it. */
  readonly reason: string;
  readonly of: (subject: Subject) => Wait | undefined;
}

export type FirstWait = Wait & { readonly reason: string };

/** The first row that answers, with its name. */
export function firstWait<Subject>(rows: readonly WaitReason<Subject>[], subject: Subject): FirstWait | undefined {
  for (const { reason, of } of rows) {
    const wait = of(subject);
    if (wait) return { reason, ...wait };
  }
  return undefined;
}
