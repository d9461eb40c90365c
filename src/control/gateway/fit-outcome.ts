// Makes an outcome small enough for one frame, so that no answer is ever too large to be told. What goes is said. Pure.
import { create, toBinary } from '@bufbuild/protobuf';
import { type Outcome, OutcomeSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../base/errors.ts';
import { toFailure } from '../../contract/errors.ts';

/** Room for the frame around it. */
const ENVELOPE = 1024;
/** Bytes of what is kept beside a cut answer. */
const REST = 16 * 1024;

/**
 * The outcome itself where it fits; else without its list of what was withheld and its jobs, and at last with its answer
 * cut and LIMIT_EXCEEDED as its failure. The whole stays in the store.
 */
export function fitOutcome(outcome: Outcome, maxFrameBytes: number): Outcome {
  const room = maxFrameBytes - ENVELOPE;
  const fits = (candidate: Outcome) => toBinary(OutcomeSchema, candidate).length <= room;
  if (fits(outcome)) return outcome;
  const { state, answer, failure, usage, model } = outcome;
  const bare = create(OutcomeSchema, {
    state,
    answer,
    ...(failure ? { failure } : {}),
    ...(usage ? { usage } : {}),
    ...(model ? { model } : {}),
  });
  if (fits(bare)) return bare;
  const whole = Buffer.from(answer);
  let end = Math.max(room - REST, 0);
  while (end > 0 && (whole[end]! & 0xc0) === 0x80) end--;
  const limit = {
    what: 'the answer',
    limit: `${maxFrameBytes} bytes of one frame`,
    setting: 'limits.frame_bytes in the config.yaml of the device',
  } as const;
  return create(OutcomeSchema, {
    ...bare,
    answer: whole.subarray(0, end).toString(),
    failure: failure ?? toFailure(new AppError('LIMIT_EXCEEDED', limit)),
  });
}
