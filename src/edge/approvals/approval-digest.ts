// What an answer is bound to: the call and the effect that was shown, in one SHA-256. Lengths stand before the parts, so that no two
// different calls have the same bytes.
import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import {
  type Effect as ApprovalEffect,
  EffectSchema as ApprovalEffectSchema,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';

export interface ShownCall {
  readonly run: string;
  readonly job: string;
  readonly method: string;
  /** SHA-256 of method and parameters. */
  readonly params: Uint8Array;
}

export function approvalDigest({ run, job, method, params }: ShownCall, effect: ApprovalEffect): Uint8Array {
  const hash = createHash('sha256');
  for (const part of [
    Buffer.from(run),
    Buffer.from(job),
    Buffer.from(method),
    params,
    toBinary(ApprovalEffectSchema, ownWords(effect)),
  ]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(part.length));
    hash.update(length).update(part);
  }
  return hash.digest();
}

/** As the box itself worked it out. Whose machines a provider runs on is a word of the session, which comes anew with each. */
function ownWords(shown: ApprovalEffect): ApprovalEffect {
  const { effect } = shown;
  if (effect.case !== 'share') return shown;
  return { ...shown, effect: { case: 'share', value: { ...effect.value, recipientIsLocal: false } } };
}
