// The code of a pairing: 160 random bits that an owner reads on the box and types on another machine. What is made of it tells nothing of
// it: the name under which both sides meet, and the keys of what they say. Pure.
import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import {
  MacedMessageSchema,
  type PairingReply,
  PairingReplySchema,
  type PairingRequest,
  PairingRequestSchema,
} from '../../../gen/bowline/owner/v1/owner_pb.ts';

/** What both sides make of a code. */
export interface PairingKeys {
  /** Under which the notes of this pairing go. The control plane sees it. */
  readonly id: string;
  readonly mac: Buffer;
  readonly words: Buffer;
}

const CODE_BYTES = 20;
/** Crockford's base 32: letters that nobody takes for digits. */
const LETTERS = '0123456789abcdefghjkmnpqrstvwxyz';
const GROUP = 4;

/** A new code, in groups of four. */
export function newPairingCode(): string {
  let bits = '';
  for (const byte of randomBytes(CODE_BYTES)) bits += byte.toString(2).padStart(8, '0');
  const letters = bits.match(/.{5}/g)!.map((five) => LETTERS[Number.parseInt(five, 2)]!);
  return letters
    .join('')
    .match(new RegExp(`.{${GROUP}}`, 'g'))!
    .join('-');
}

/** What is made of a code as it was typed; undefined when it is none. */
export function pairingKeys(typed: string): PairingKeys | undefined {
  const letters = typed.toLowerCase().replace(/[\s-]/g, '').replaceAll('o', '0').replace(/[il]/g, '1');
  if (letters.length * 5 !== CODE_BYTES * 8) return undefined;
  let bits = '';
  for (const letter of letters) {
    const value = LETTERS.indexOf(letter);
    if (value < 0) return undefined;
    bits += value.toString(2).padStart(5, '0');
  }
  const code = Buffer.from(bits.match(/.{8}/g)!.map((eight) => Number.parseInt(eight, 2)));
  const derived = (what: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', code, '', `bowline.pairing.v1 ${what}`, bytes));
  return { id: derived('id', 16).toString('hex'), mac: derived('mac', 32), words: derived('words', 32) };
}

/** Which way a message goes: one cannot be told as the other. */
const REQUEST = 'bowline.pairing-request.v1\0';
const REPLY = 'bowline.pairing-reply.v1\0';

export const macRequest = (keys: PairingKeys, request: PairingRequest): Uint8Array =>
  maced(keys, REQUEST, toBinary(PairingRequestSchema, request));

export const macReply = (keys: PairingKeys, reply: PairingReply): Uint8Array =>
  maced(keys, REPLY, toBinary(PairingReplySchema, reply));

/** A message of somebody who knows the code, and its bytes; undefined for any other. */
export const openRequest = (keys: PairingKeys, note: Uint8Array) => opened(keys, REQUEST, PairingRequestSchema, note);
export const openReply = (keys: PairingKeys, note: Uint8Array) => opened(keys, REPLY, PairingReplySchema, note);

export const requestDigest = (request: Uint8Array): Buffer => createHash('sha256').update(request).digest();

/** The note in which a request goes, and the one in which it is replied to. */
export const pairingPlace = (digest: Buffer): string => digest.toString('hex').slice(0, 32);

/** Six words of five letters, 96 bits: what both sides show. They differ when anything differs that either side knows of the other. */
export function pairingWords(keys: PairingKeys, request: Uint8Array, reply: PairingReply): string {
  const { key, tenant, device, deviceKey } = reply;
  const hmac = createHmac('sha256', keys.words).update('bowline.pairing-words.v1\0').update(requestDigest(request));
  const digest = hmac.update(deviceKey).update(`${tenant}\0${device}\0${key}`).digest();
  return Array.from({ length: 6 }, (_, at) => spoken(digest.readUInt16BE(at * 2))).join(' ');
}

const CONSONANTS = 'bdfghjklmnprstvz';
const VOWELS = 'aiou';

/** Sixteen bits as a word that can be said in most languages: a proquint. */
const spoken = (bits: number): string =>
  CONSONANTS[bits >> 12]! +
  VOWELS[(bits >> 10) & 3]! +
  CONSONANTS[(bits >> 6) & 15]! +
  VOWELS[(bits >> 4) & 3]! +
  CONSONANTS[bits & 15]!;

function maced({ mac }: PairingKeys, prefix: string, bytes: Uint8Array): Uint8Array {
  const sum = createHmac('sha256', mac).update(prefix).update(bytes).digest();
  return toBinary(MacedMessageSchema, create(MacedMessageSchema, { maced: bytes, mac: sum }));
}

function opened<D extends DescMessage>(
  { mac }: PairingKeys,
  prefix: string,
  desc: D,
  note: Uint8Array,
): { readonly message: MessageShape<D>; readonly bytes: Uint8Array } | undefined {
  try {
    const { maced: bytes, mac: given } = fromBinary(MacedMessageSchema, note);
    const sum = createHmac('sha256', mac).update(prefix).update(bytes).digest();
    if (given.length !== sum.length || !timingSafeEqual(given, sum)) return undefined;
    return { message: fromBinary(desc, bytes), bytes };
  } catch {
    return undefined;
  }
}
