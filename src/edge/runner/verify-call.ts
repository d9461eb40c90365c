// Opens a signed tool call and checks that it was made for this device and this session, then reads its request by the rules of the
// contract. Nothing is read before that.
import { createHash } from 'node:crypto';
import type { Message } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { SignedToolCall, ToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { AppError } from '../../base/errors.ts';
import { check } from '../../contract/check.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import { ed25519PublicKey, openToolCall } from '../../contract/tool-call.ts';
import { decode } from '../../contract/wire-meter.ts';
import type { SessionFacts } from './tool-sink.ts';

/** @throws TOOL_CALL_FORGED, CALL_FOREIGN: neither may be answered, because nobody can tell for whom */
export function verifyCall(envelope: SignedToolCall, session: SessionFacts): ToolCall {
  const call = openToolCall(envelope, ed25519PublicKey(session.key.publicKey), session.key.keyId);
  const mine =
    call.tenant === session.tenant &&
    call.device === session.device &&
    session.nonce.length > 0 &&
    Buffer.compare(call.sessionNonce, session.nonce) === 0;
  if (!mine) throw new AppError('CALL_FOREIGN');
  return call;
}

/** SHA-256 of method and parameters: what an idempotency key is bound to. */
export function paramsDigest(call: Pick<ToolCall, 'method' | 'params'>): Uint8Array {
  return createHash('sha256').update(call.method).update('\0').update(call.params).digest();
}

/** @throws CALL_WITHOUT_EXPIRY, CALL_EXPIRED */
export function checkTimes(call: ToolCall, now: number, longestMs: number): void {
  if (!call.expireTime || !call.issueTime) throw new AppError('CALL_WITHOUT_EXPIRY');
  const expires = timestampMs(call.expireTime);
  if (expires <= now) throw new AppError('CALL_EXPIRED');
  if (expires > now + longestMs) throw new AppError('CALL_WITHOUT_EXPIRY');
}

/** The request of a call. @throws INVALID_ARGUMENT */
export function parseParams(method: CapabilityMethod, params: Uint8Array): Message {
  let request: Message;
  try {
    request = decode(method.desc.input, params);
  } catch (cause) {
    throw new AppError('INVALID_ARGUMENT', { what: 'the parameters are not a request of this method' }, { cause });
  }
  check(method.desc.input, request);
  return request;
}
