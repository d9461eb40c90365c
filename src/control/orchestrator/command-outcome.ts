// What a command is answered with when it comes again: the bytes of its inbox row.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Failure, FailureSchema } from '../../../gen/bowline/common/v1/common_pb.ts';

export interface CommandOutcome {
  /** The run that the command went to or made. */
  readonly run: string;
  readonly refused?: Failure;
}

/** Length of the run id in one byte, the run id, then the failure if there is one. */
export function encodeOutcome({ run, refused }: CommandOutcome): Uint8Array {
  const id = Buffer.from(run, 'utf8');
  return Buffer.concat([Buffer.of(id.length), id, ...(refused ? [toBinary(FailureSchema, refused)] : [])]);
}

export function decodeOutcome(bytes: Uint8Array): CommandOutcome {
  const end = 1 + (bytes[0] ?? 0);
  const run = Buffer.from(bytes.subarray(1, end)).toString('utf8');
  if (bytes.length <= end) return { run };
  return { run, refused: fromBinary(FailureSchema, bytes.subarray(end)) };
}
