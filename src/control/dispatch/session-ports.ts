// What dispatch needs of the sessions above it. The gateway implements these; dispatch never sees a stream.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OpenToolCall, ToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { ChildResultSchema, JobAssignment, WorkerHello } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import type { Rest } from '../routing/circuit.ts';
import type { WorkerView } from '../routing/worker-view.ts';

/** What a worker said of itself, as far as all replicas know it. */
export type WorkerSaid = Pick<WorkerHello, 'name' | 'manifest' | 'models' | 'slots'>;

/** A worker that is connected to some replica. */
export interface ConnectedWorker {
  /** Of its session. */
  readonly id: string;
  readonly replica: string;
  readonly hello: WorkerSaid;
  /** Milliseconds since 1970. */
  readonly connectedAt: number;
  readonly lastSeen: number;
  /** It gets no new jobs. */
  readonly draining: boolean;
  /** Jobs that it has, or is about to have. */
  readonly busy: number;
  /** Why it is left alone for a while; never set for one of another replica. */
  readonly rest?: Rest | undefined;
  /** As placement sees it. */
  view(): WorkerView;
}

/** A worker that is connected to this replica. */
export interface WorkerSession extends ConnectedWorker {
  /** Random id of this start of the worker's process: what was given to it, only it may go on with. */
  readonly bootId: string;
  /** As placement sees it; free slots are those the worker declared less what it has not counted yet. */
  view(): WorkerView;
  /** Takes free slots for a job that is about to be sent; returns how to give them back. */
  reserve(slots: number): () => void;
  /** Sends a job in its reserved slots. Throws CLOSED when the session is over, LIMIT_EXCEEDED for a job that no frame can hold. */
  assign(assignment: JobAssignment, slots: number): void;
  /** Asks it to stop a job. Harmless when it does not have it. Never throws. */
  cancel(dispatchId: string, epoch: number): void;
  /** Tells it that a result may be forgotten. Never throws. */
  committed(dispatchId: string): void;
  /** Tells it what became of a call that one of its jobs made. Never throws; one that no frame can hold is told as its failure. */
  childResult(result: MessageInitShape<typeof ChildResultSchema>): void;
}

/** A connected device. */
export interface DeviceSession {
  readonly tenant: string;
  readonly device: string;
  readonly deviceName: string;
  readonly epoch: number;
  /** Of this start of the edge's process. */
  readonly bootId: string;
  /** It said goodbye: whatever it had, it did not end at it. */
  readonly saidGoodbye: boolean;
  /** Calls that the device had open when it connected. */
  readonly openCalls: readonly OpenToolCall[];
  /** Full names of the methods its manifest declares. */
  serves(method: string): boolean;
  /** Signs the call for this session and sends it. Throws CLOSED when the session is over, LIMIT_EXCEEDED for a call that no frame can hold. */
  call(call: ToolCall): void;
  /** Asks it to stop a call. Never throws. */
  cancel(job: string, epoch: number): void;
  /** Before a result is acknowledged: keeps its place in the device's journal. False: the session is over, it must come again. */
  acknowledges(sequence: number, head: Uint8Array): Promise<boolean>;
  /** Tells it that a result is committed. Never throws. */
  committed(job: string, epoch: number, idempotencyKey: string): void;
  /** A newer session of the device is said to be there: looks whether this one still stands, and ends it if not. Never throws. */
  doubt(): void;
}
