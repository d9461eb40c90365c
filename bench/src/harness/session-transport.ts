// How the agents of the bench hold a session: as the real programs do, in clear and without the proof of the control plane.
import { connect } from 'node:net';
import type { Transport } from '@connectrpc/connect';
import { H2Sessions } from '../../../src/contract/h2-sessions.ts';
import { measuredTransport } from '../../../src/contract/measured-transport.ts';

export function sessionTransport(url: string): Transport {
  const { hostname: host, port } = new URL(url);
  const dial = async () => connect({ host, port: Number(port), noDelay: true });
  const sessionManager = new H2Sessions(url, { dial });
  return measuredTransport({ baseUrl: url, sessionManager, readMaxBytes: 16 << 20 });
}
