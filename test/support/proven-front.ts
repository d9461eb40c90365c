// Puts the proof of a control plane before an HTTP/2 server of a test, so that our own clients speak to it.
import { generateKeyPairSync, type KeyPairKeyObjectResult, sign } from 'node:crypto';
import type { Http2Server } from 'node:http2';
import type { Server } from 'node:net';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { rawPublicKey } from '../../src/contract/tool-call.ts';
import { frontOf } from '../../src/control/gateway/front.ts';

export interface ProvenFront {
  /** The server that listens, in place of the HTTP/2 server. */
  readonly server: Server;
  /** Raw public key to be pinned. */
  readonly publicKey: Uint8Array;
}

export function provenFront(
  http2: Http2Server,
  keys: Pick<KeyPairKeyObjectResult, 'publicKey' | 'privateKey'> = generateKeyPairSync('ed25519'),
): ProvenFront {
  const server = frontOf({
    http2,
    sign: (prefix, bytes) => sign(null, Buffer.concat([prefix, bytes]), keys.privateKey),
    beginMs: 5_000,
    maxBeginning: 100,
    clock: systemClock,
    log: silentLogger,
  });
  return { server, publicKey: rawPublicKey(keys.publicKey) };
}
