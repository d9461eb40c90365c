// How the runner and the session meet: calls come in with the session they came by, answers go out through a sink.
import type { ToolHeld, ToolProgress } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolResult } from '../../../gen/bowline/record/v1/record_pb.ts';

/** What a tool call is verified against. */
export interface SessionFacts {
  /** Nonce of the Welcome; calls of other sessions are refused. */
  readonly nonce: Uint8Array;
  readonly tenant: string;
  readonly device: string;
  /** Pinned key of the control plane: its id and 32 raw bytes of Ed25519. */
  readonly key: { readonly keyId: string; readonly publicKey: Uint8Array };
}

/**
 * Where answers go. The session puts each message into a frame and through `gate.frame`. A sink of a session that has ended
 * drops them: unsettled results are sent again by `resend`. Each call resolves when there was room.
 */
export interface ToolSink {
  progress(message: ToolProgress): Promise<void>;
  held(message: ToolHeld): Promise<void>;
  result(message: ToolResult): Promise<void>;
}
