// What a command is answered with when it comes again: the bytes of its inbox row.
import { randomBytes } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Failure, FailureSchema } from '../../../../gen/bowline/common/v1/common_pb.ts';

export interface CommandOutcome {
  /** The run that the command went to or made. */
  readonly run: string;
  readonly refused?: Failure;
}

const NONCE_BYTES = 16;

/** Makes nonces that no other replica makes: eight random bytes and a counter. */
export class Nonces {
  readonly #random = randomBytes(8);
  #next = 0n;

  next(): Buffer {
    const nonce = Buffer.alloc(NONCE_BYTES);
    this.#random.copy(nonce);
    nonce.writeBigUInt64BE(this.#next++, 8);
    return nonce;
  }
}

/**
 * The nonce, the length of the run id in one byte, the run id, then the failure if there is one. By the nonce a decision
 * recognises itself in the inbox: two replicas that decide the same command never take each other's commit for their own.
 */
export function encodeOutcome({ run, refused }: CommandOutcome, nonce: Uint8Array): Uint8Array {
  const id = Buffer.from(run, 'utf8');
  const failure = refused ? [toBinary(FailureSchema, refused)] : [];
  return Buffer.concat([nonce, Buffer.of(id.length), id, ...failure]);
}

export function decodeOutcome(bytes: Uint8Array): CommandOutcome {
  const start = NONCE_BYTES + 1;
  const end = start + (bytes[NONCE_BYTES] ?? 0);
  const run = Buffer.from(bytes.subarray(start, end)).toString('utf8');
  if (bytes.length <= end) return { run };
  return { run, refused: fromBinary(FailureSchema, bytes.subarray(end)) };
}

/** Whether an inbox row was written by the very decision that has these bytes. */
export const sameOutcome = (recorded: Uint8Array, own: Uint8Array): boolean => Buffer.compare(recorded, own) === 0;
