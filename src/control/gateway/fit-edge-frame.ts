// Keeps what is told to an edge within what its stream carries: a frame that cannot be sent is told as its failure, or left out,
// because it would end this session and each one after it.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ConnectResponseSchema, type RunEndedSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { OutcomeSchema, RunState } from '../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { encodeContent } from '../../contract/encodable.ts';
import { toFailure } from '../../contract/errors.ts';
import type { EdgeBody } from './edge-follows.ts';
import { fitOutcome } from './fit-outcome.ts';

/** Gives the frame itself, one that says what became of it, or undefined where nobody waits for it. */
export const fitEdgeFrame =
  (maxBytes: () => number, log: Logger) =>
  (body: EdgeBody): EdgeBody | undefined => {
    const content = encodeContent(ConnectResponseSchema, { frame: body }, maxBytes());
    if (!('problem' in content)) return { ...body, ...content };
    const fitting = body.case === 'runEnded' ? cut(body.value, maxBytes()) : undefined;
    if (fitting) return { case: 'runEnded', value: fitting };
    const error = new AppError('MESSAGE_REFUSED', { what: body.case ?? 'frame', problem: content.problem });
    log.error('a frame for an edge cannot be sent', error, { frame: body.case });
    const failure = toFailure(error);
    switch (body.case) {
      case 'runEnded': {
        const state = body.value.outcome?.state === RunState.CANCELLED ? RunState.CANCELLED : RunState.FAILED;
        return { case: 'runEnded', value: { run: body.value.run ?? '', outcome: { state, failure } } };
      }
      case 'askVerdict': {
        const { sequence = 0n, run = '', refused } = body.value;
        return { case: 'askVerdict', value: { sequence, run, ...(refused ? { refused: failure } : {}) } };
      }
      default:
        return undefined;
    }
  };

/** An end whose outcome is made small enough; undefined where that cannot be. */
function cut({ run, outcome }: MessageInitShape<typeof RunEndedSchema>, maxBytes: number) {
  try {
    const value = { run: run ?? '', outcome: fitOutcome(create(OutcomeSchema, outcome), maxBytes) };
    const frame = { case: 'runEnded', value } as const;
    return 'problem' in encodeContent(ConnectResponseSchema, { frame }, maxBytes) ? undefined : value;
  } catch {
    // It cannot be encoded, however small.
    return undefined;
  }
}
