// Signs and verifies tool calls: Ed25519 (RFC 8032) over a domain prefix and the bytes as sent, because protobuf is not
// canonical. The message is parsed only from verified bytes.
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type SignedToolCall,
  SignedToolCallSchema,
  type ToolCall,
  ToolCallSchema,
} from '../../gen/bowline/edge/v1/edge_pb.ts';
import { AppError } from '../base/errors.ts';

const PREFIX = Buffer.from('bowline.tool-call.v1\0');
/** DER head of an Ed25519 SubjectPublicKeyInfo (RFC 8410); the 32 key bytes follow. */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');

/** A key object from the 32 raw bytes of an Ed25519 public key. */
export function ed25519PublicKey(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: 'der', type: 'spki' });
}

/** The 32 raw bytes of an Ed25519 public key. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length);
}

/** Whatever holds the private key and only signs. */
export interface ToolCallSigner {
  readonly id: string;
  sign(prefix: Uint8Array, bytes: Uint8Array): Uint8Array;
}

/** Signs a call for one session. */
export function signToolCall(call: ToolCall, signer: ToolCallSigner): SignedToolCall {
  const signed = toBinary(ToolCallSchema, call);
  return create(SignedToolCallSchema, { signed, signature: signer.sign(PREFIX, signed), keyId: signer.id });
}

/** The call, if the pinned key signed exactly these bytes. Throws TOOL_CALL_FORGED otherwise. */
export function openToolCall(envelope: SignedToolCall, publicKey: KeyObject, keyId: string): ToolCall {
  const genuine =
    envelope.keyId === keyId && verify(null, Buffer.concat([PREFIX, envelope.signed]), publicKey, envelope.signature);
  if (!genuine) throw new AppError('TOOL_CALL_FORGED');
  try {
    return fromBinary(ToolCallSchema, envelope.signed);
  } catch (cause) {
    throw new AppError('TOOL_CALL_FORGED', {}, { cause });
  }
}
