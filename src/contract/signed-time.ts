// Signs and verifies what time it is at the control plane, as tool calls are signed: over a domain prefix and the bytes as sent.
import { verify } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type SignedTime, SignedTimeSchema, TimeStatementSchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { ed25519PublicKey, type ToolCallSigner } from './tool-call.ts';

const PREFIX = Buffer.from('bowline.time.v1\0');

/** To whom the time is told: one start of one device, in one session. */
export interface TimeListener {
  readonly device: string;
  readonly bootId: string;
  readonly sessionNonce: Uint8Array;
}

/** @param now milliseconds since 1970 */
export function signTime(to: TimeListener, now: number, signer: ToolCallSigner): SignedTime {
  const signed = toBinary(TimeStatementSchema, create(TimeStatementSchema, { ...to, time: timestampFromMs(now) }));
  return create(SignedTimeSchema, { signed, signature: signer.sign(PREFIX, signed), keyId: signer.id });
}

/** Milliseconds since 1970; undefined when the pinned key did not sign these bytes, or signed them for somebody else. */
export function openTime(
  envelope: SignedTime,
  to: TimeListener,
  key: { readonly keyId: string; readonly publicKey: Uint8Array },
): number | undefined {
  const bytes = Buffer.concat([PREFIX, envelope.signed]);
  if (envelope.keyId !== key.keyId || !verify(null, bytes, ed25519PublicKey(key.publicKey), envelope.signature)) {
    return undefined;
  }
  const statement = fromBinary(TimeStatementSchema, envelope.signed);
  const mine =
    statement.device === to.device &&
    statement.bootId === to.bootId &&
    Buffer.compare(statement.sessionNonce, to.sessionNonce) === 0;
  return mine && statement.time ? timestampMs(statement.time) : undefined;
}
