// How a control plane proves on a connection that it holds its signing key: the first 64 bytes that it sends inside TLS are its
// signature over a value that only the two ends of this one connection share (RFC 9266, RFC 8446 section 7.5). Whoever stands
// between has two connections with two values, so a proof cannot be relayed. Bytes only; it dials and listens nowhere.
import { verify } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { ed25519PublicKey } from '../tool-call.ts';

/** The protocol (ALPN) of a client that asks for the proof; HTTP/2 follows the proof. */
export const PROVEN_PROTOCOL = 'bowline/1';

/** Length of the proof: one Ed25519 signature. */
export const PROOF_BYTES = 64;

const PREFIX = Buffer.from('bowline.channel.v1\0');
const LABEL = 'EXPORTER-bowline-channel-v1';
const BINDING_BYTES = 32;

/** Signs bytes under a domain prefix. */
export type Sign = (prefix: Uint8Array, bytes: Uint8Array) => Uint8Array;

/** What only the two ends of a TLS 1.3 connection know. Its handshake must be done. */
const bindingOf = (socket: TLSSocket): Buffer => socket.exportKeyingMaterial(BINDING_BYTES, LABEL, Buffer.alloc(0));

/** The proof for this connection. */
export const proveChannel = (socket: TLSSocket, sign: Sign): Uint8Array => sign(PREFIX, bindingOf(socket));

/** Whether one of these raw public keys made the proof for this very connection. */
export function isProvenChannel(socket: TLSSocket, proof: Uint8Array, keys: readonly Uint8Array[]): boolean {
  const bytes = Buffer.concat([PREFIX, bindingOf(socket)]);
  return keys.some((key) => verify(null, bytes, ed25519PublicKey(key), proof));
}
