// What a box and a paired key sign for each other: Ed25519 over a domain prefix and the bytes as sent, which alone are parsed. Pure.
import { createHash, createHmac, createPrivateKey, hkdfSync, type KeyObject, sign, verify } from 'node:crypto';
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import {
  type OwnerAnswer,
  OwnerAnswerSchema,
  type SealedApproval,
  SealedApprovalSchema,
  type SignedMessage,
  SignedMessageSchema,
} from '../../../gen/bowline/owner/v1/owner_pb.ts';
import { ed25519PublicKey } from '../tool-call.ts';

const ANSWER = Buffer.from('bowline.owner-answer.v1\0');
const SEALED = Buffer.from('bowline.sealed-approval.v1\0');

/** The name of a paired key, made from it. */
/** Id of the note that tells a key that it is paired no more. */
export const REMOVED_NOTE = 'removed';

export const ownerKeyId = (signingKey: Uint8Array): string =>
  createHash('sha256').update('bowline.owner-key.v1\0').update(signingKey).digest('hex').slice(0, 16);

/** An Ed25519 private key in PKCS #8, base64, as the files of homes hold it. */
export const signingKeyOf = (text: string): KeyObject =>
  createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' });

export const signAnswer = (answer: OwnerAnswer, key: KeyObject): Uint8Array =>
  toBinary(SignedMessageSchema, signed(ANSWER, toBinary(OwnerAnswerSchema, answer), key));

/** Padded: its length tells the class of its size alone. */
export const signSealed = (sealed: SealedApproval, key: KeyObject): Uint8Array =>
  toBinary(SignedMessageSchema, padded(signed(SEALED, toBinary(SealedApprovalSchema, sealed), key)));

/** The answer, if this key signed exactly these bytes, and their digest; undefined otherwise. */
export const openAnswer = (note: Uint8Array, publicKey: Uint8Array) =>
  opened(ANSWER, OwnerAnswerSchema, note, publicKey);

/** What the box signed; undefined when it did not. */
export const openSigned = (bytes: Uint8Array, publicKey: Uint8Array) =>
  opened(SEALED, SealedApprovalSchema, bytes, publicKey)?.message;

/** Of the signed bytes of an answer: what its receipt names. */
export const answerDigest = (signedBytes: Uint8Array): Buffer => createHash('sha256').update(signedBytes).digest();

/** The signed bytes of an answer as it is sent. */
export const signedBytesOf = (note: Uint8Array): Uint8Array => fromBinary(SignedMessageSchema, note).signed;

/** What stands in an answer for what was shown: without the seal it cannot be told from anything else. */
export const shownDigest = (challenge: Uint8Array, digest: Uint8Array): Buffer =>
  createHmac('sha256', challenge).update('bowline.shown.v1\0').update(digest).digest();

/** The challenge of one approval for one key: the same after each start, and known to nobody but the box and who opens the seal. */
export function challengeOf(deviceKey: KeyObject, approval: string, key: string): Buffer {
  const secret = deviceKey.export({ format: 'der', type: 'pkcs8' });
  return Buffer.from(hkdfSync('sha256', secret, '', `bowline.owner-challenge.v1 ${approval} ${key}`, 32));
}

function signed(prefix: Buffer, bytes: Uint8Array, key: KeyObject): SignedMessage {
  const signature = sign(null, Buffer.concat([prefix, bytes]), key);
  return create(SignedMessageSchema, { signed: bytes, signature });
}

/** Most bytes of a sealed note (SealedNote.body), less than what the seal itself takes. */
const MOST_PLAIN = (1 << 20) - 64;
const LEAST_CLASS = 4 << 10;

/** What is signed stays as it is. The whole is a power of two long, from 4 KiB up to what a note may hold. */
function padded(message: SignedMessage): SignedMessage {
  const bare = toBinary(SignedMessageSchema, message).length;
  let size = LEAST_CLASS;
  while (size < bare + LEAST_PADDING) size *= 2;
  return { ...message, padding: paddingOf(Math.min(size, MOST_PLAIN) - bare) };
}

/** An empty one: its tag and its length. */
const LEAST_PADDING = 2;

/** Zeros that take exactly so many bytes of the message. Where a longer length leaves a gap, an empty one goes before them. */
function paddingOf(room: number): Uint8Array[] {
  if (room < LEAST_PADDING) return [];
  for (let zeros = room - LEAST_PADDING; zeros >= 0 && room - zeros <= 4; zeros--)
    if (zeros + 1 + lengthBytes(zeros) === room) return [new Uint8Array(zeros)];
  return [new Uint8Array(), ...paddingOf(room - LEAST_PADDING)];
}

/** Of a length below 2 MiB. */
const lengthBytes = (length: number): number => (length < 1 << 7 ? 1 : length < 1 << 14 ? 2 : 3);

function opened<D extends DescMessage>(
  prefix: Buffer,
  desc: D,
  note: Uint8Array,
  publicKey: Uint8Array,
): { readonly message: MessageShape<D>; readonly digest: Buffer } | undefined {
  try {
    const { signed: bytes, signature } = fromBinary(SignedMessageSchema, note);
    const genuine = verify(null, Buffer.concat([prefix, bytes]), ed25519PublicKey(publicKey), signature);
    return genuine ? { message: fromBinary(desc, bytes), digest: answerDigest(bytes) } : undefined;
  } catch {
    return undefined;
  }
}
