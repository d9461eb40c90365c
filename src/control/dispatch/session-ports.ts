// What dispatch needs of the sessions above it. The gateway implements these; dispatch never sees a stream.
import type { ToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { JobAssignment } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import type { WorkerView } from '../routing/worker-view.ts';

/** A connected worker. */
export interface WorkerSession {
  readonly id: string;
  /** As placement sees it; free slots are those the worker declared less what was assigned since. */
  view(): WorkerView;
  /** Sends a job; throws CLOSED when the session is over. */
  assign(assignment: JobAssignment): void;
  /** Asks it to stop a job. Harmless when it does not have it. */
  cancel(dispatchId: string, epoch: number): void;
  /** Tells it that a result may be forgotten. */
  committed(dispatchId: string): void;
}

/** A connected device. */
export interface DeviceSession {
  readonly tenant: string;
  readonly device: string;
  readonly deviceName: string;
  readonly epoch: number;
  /** Full names of the methods its manifest declares. */
  serves(method: string): boolean;
  /** Signs the call for this session and sends it; throws CLOSED when the session is over. */
  call(call: ToolCall): void;
  /** Asks it to stop a call. */
  cancel(job: string, epoch: number): void;
  /** Tells it that a result is committed. */
  committed(job: string, epoch: number, idempotencyKey: string): void;
}
