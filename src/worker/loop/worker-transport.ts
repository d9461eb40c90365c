// How a worker reaches the control plane: gRPC over HTTP/2 (h2c for http://, TLS for https://) with its bearer key.
import { proxyFor } from '../../base/proxies.ts';
import type { Secret } from '../../base/secret.ts';
import { dialProven } from '../../contract/channel/dial.ts';
import { H2Sessions } from '../../contract/h2-sessions.ts';
import { measuredTransport } from '../../contract/measured-transport.ts';
import type { SessionTransport } from './session.ts';

export interface WorkerTransportOptions {
  /** URL of the control plane. */
  readonly control: string;
  /** Worker key (`bww_...`). */
  readonly key: Secret;
  /** Raw public keys, one of which the control plane must have. */
  readonly pins: readonly Uint8Array[];
  /** Largest frame to accept; default 16 MiB. */
  readonly maxFrameBytes?: number;
}

const REMEDY =
  'Make a key there with `bowline workers create-key NAME --package llm`: it has the right pin behind it. A key alone is not enough';

/** Makes a connection for each session. Throws USAGE where the environment names what is no proxy. */
export function grpcConnector(options: WorkerTransportOptions): () => SessionTransport {
  proxyFor(new URL(options.control), process.env);
  return () => {
    const trust = { pins: options.pins, remedy: REMEDY };
    const dial = (signal: AbortSignal) => dialProven(options.control, trust, signal);
    const sessionManager = new H2Sessions(options.control, { dial });
    return {
      transport: measuredTransport({
        baseUrl: options.control,
        sessionManager,
        headers: () => ({ authorization: `Bearer ${options.key.reveal()}` }),
        readMaxBytes: options.maxFrameBytes ?? 16 << 20,
      }),
      close: () => sessionManager.abort(),
    };
  };
}
