// The proof that this control plane gave a device a session epoch: a signature that the edge keeps and shows again. Without it
// a device could pretend that the database was restored and stop its tenant.
import { verify } from 'node:crypto';
import { ed25519PublicKey } from '../../contract/tool-call.ts';
import type { SessionRef } from './device-sessions.ts';
import type { ToolCallKey } from './signing-key.ts';

const PREFIX = Buffer.from('bowline.session-epoch.v1\0');

const bytesOf = ({ tenant, id, epoch }: SessionRef): Buffer => Buffer.from(`${tenant}\0${id}\0${epoch}`);

/** 64 bytes for the Welcome of this session. */
export const proveSession = (key: Pick<ToolCallKey, 'sign'>, session: SessionRef): Uint8Array =>
  key.sign(PREFIX, bytesOf(session));

/** Whether this key proved that session. */
export function isProven(key: Pick<ToolCallKey, 'publicKey'>, session: SessionRef, proof: Uint8Array): boolean {
  return verify(null, Buffer.concat([PREFIX, bytesOf(session)]), ed25519PublicKey(key.publicKey), proof);
}
