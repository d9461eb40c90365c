// What a session needs from its neighbours: the gate, the tool runner, the journal.
import type { ConnectRequest, OpenToolCall, OwnerNote, SignedToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { JournalPosition } from '../../../gen/bowline/record/v1/record_pb.ts';
import type { Egress } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { EdgeTelemetry } from '../../../gen/bowline/telemetry/v1/telemetry_pb.ts';
import type { LastSession } from '../journal/journal-types.ts';
import type { SendNote } from '../owners/outgoing-notes.ts';
import type { SessionFacts, ToolSink } from '../runner/tool-sink.ts';

/** The only thing that may turn a frame into something that is sent. */
export interface FrameGate {
  /** The frame without unknown fields and without any content that no grant covers. */
  frame(frame: ConnectRequest): ConnectRequest;
  /** Ledger lines of the names in Hello or a Manifest; journaled before the frame is sent. */
  names(frame: ConnectRequest, at: number): Egress[];
}

/** What runs tool calls; `ToolRunner` in runner/ is the one. */
export interface CallRunner {
  /** Verifies, judges and runs one call; resolves when its answer was handed to the sink. */
  handle(call: SignedToolCall, session: SessionFacts, sink: ToolSink): Promise<void>;
  /** Stops a job up to this attempt. */
  cancel(job: string, epoch: bigint): void;
  /** Calls that run, and those whose results are not committed. */
  openCalls(): OpenToolCall[];
  /** Hands every unsettled result to the sink again, judged under today's grants. */
  resend(sink: ToolSink): Promise<void>;
  /** The control plane has committed the result of a key for a job. */
  settled(idempotencyKey: string, job: string): Promise<void>;
}

/** What goes between the box and keys of its owner on other machines; `OwnerDesk` in owners/ is the one. */
export interface OwnerChannel {
  /** A session began: what is to be said is said in it. Returns how to end. */
  begin(send: SendNote): () => void;
  /** A note that claims to come from the owner; resolves when it was taken, or refused. */
  take(note: OwnerNote): Promise<void>;
}

/** What this edge tells of its own work; `TelemetryBook` is the one. */
export interface TelemetryChannel {
  /** A session that passes it on began. Returns how to end. */
  begin(send: (told: EdgeTelemetry) => Promise<void>): () => void;
}

/** Where the journal stands, and what the control plane anchored. */
export interface SessionJournal {
  /** The position for Hello, with the proof for the last anchor where the journal still has it. */
  position(): Promise<JournalPosition>;
  /** Says what leaves with Hello. */
  leaves(lines: readonly Egress[]): Promise<void>;
  /** The chain's hash after the record of this sequence; undefined where it is not known any more. */
  hashAt(sequence: number): Promise<Uint8Array | undefined>;
  /** The last session that began; undefined before the first one. */
  lastSession(): LastSession | undefined;
  /** "Now" on the edge, in milliseconds since 1970. */
  now(): number;
  /** The control plane signed its time for this session. */
  signedTime(at: number): Promise<void>;
  /** A session began. */
  opened(sessionEpoch: bigint, anchor: JournalPosition | undefined, resumeToken: Uint8Array): Promise<void>;
}
