// The transport of one session: it dials the control plane that this device joined, and no other.
import type { Transport } from '@connectrpc/connect';
import { dialProven } from '../../contract/channel/dial.ts';
import { H2Sessions } from '../../contract/h2-sessions.ts';
import { measuredTransport } from '../../contract/measured-transport.ts';
import type { Identity } from '../identity/identity.ts';
import { REJOIN } from '../identity/join.ts';

/** What one frame may hold for a heap of some megabytes; honest ones are far below. */
const FRAME_BOUNDS = { fields: 50_000, messages: 10_000, numbers: 100_000, 'bytes of text': 4 << 20 };
/** http2 windows; small, because the box is. */
const HTTP2 = { settings: { initialWindowSize: 256 << 10, maxConcurrentStreams: 4 } };

/** From dialling to the proof: a control plane to which all edges come at once lets them in one after the other. */
export const PROOF_PATIENCE_MS = 30_000;

export interface EdgeTransportOptions {
  /** Interval of the http2 pings, in milliseconds. */
  readonly heartbeatMs: number;
  /** Largest frame that is read. */
  readonly maxFrameBytes: number;
}

/** Dials when it is first used; `manager` ends the connection. */
export function transportTo(
  { control, signingKey }: Identity,
  { heartbeatMs, maxFrameBytes }: EdgeTransportOptions,
): { readonly manager: H2Sessions; readonly transport: Transport } {
  // Only while a stream is open: pings of an idle connection go on after its end, and then end the process.
  const ping = { pingIntervalMs: heartbeatMs, pingTimeoutMs: heartbeatMs };
  const trust = { pins: [signingKey.publicKey], remedy: REJOIN };
  const dial = (signal: AbortSignal) => dialProven(control, trust, signal, { patienceMs: PROOF_PATIENCE_MS });
  const manager = new H2Sessions(control, { dial, ping, http2: HTTP2 });
  const transport = measuredTransport({
    baseUrl: control,
    sessionManager: manager,
    readMaxBytes: maxFrameBytes,
    bounds: FRAME_BOUNDS,
  });
  return { manager, transport };
}
