// Keeps what is told to an edge within what its stream carries: a frame that cannot be sent is told as its failure, or left out,
// because it would end this session and each one after it.

import { ConnectResponseSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { RunState } from '../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { encodingProblem } from '../../contract/encodable.ts';
import { toFailure } from '../../contract/errors.ts';
import type { EdgeBody } from './edge-follows.ts';

/** Gives the frame itself, one that says what became of it, or undefined where nobody waits for it. */
export const fitEdgeFrame =
  (maxBytes: () => number, log: Logger) =>
  (body: EdgeBody): EdgeBody | undefined => {
    const problem = encodingProblem(ConnectResponseSchema, { frame: body }, maxBytes());
    if (problem === undefined) return body;
    const error = new AppError('MESSAGE_REFUSED', { what: body.case ?? 'frame', problem });
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
