// Whether the control plane would take a frame of a worker: it can be sent, and keeps to its contract.
import { type WorkRequest, WorkRequestSchema } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { encodingProblem } from '../../contract/encodable.ts';
import { toAppError } from '../../contract/errors.ts';
import { validate } from '../../contract/validate.ts';

/** What is wrong with it, in words without content; undefined where nothing is. */
export function frameProblem(request: WorkRequest, maxBytes: number): string | undefined {
  const problem = encodingProblem(WorkRequestSchema, request, maxBytes);
  if (problem !== undefined) return problem;
  try {
    validate(WorkRequestSchema, request);
    return undefined;
  } catch (error) {
    return toAppError(error).message;
  }
}
