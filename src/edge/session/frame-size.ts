// Keeps frames within what the control plane takes. A result that is too large becomes an answer that says so, because a
// frame that kills the stream would be sent again for ever.
import { create } from '@bufbuild/protobuf';
import { type ConnectRequest, ConnectRequestSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { ToolDoneSchema, type ToolResult, ToolResultSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { AppError } from '../../base/errors.ts';
import { encodingProblem } from '../../contract/encodable.ts';
import { toFailure } from '../../contract/errors.ts';

/** What is to be said, before it is a frame. */
export type FrameBody = Exclude<ConnectRequest['frame'], { case: undefined }>;

const FRAME_BYTES = 'limits.frame_bytes of the device, or BOWLINE_MAX_FRAME_BYTES of the control plane,';

/** Room for the header of a piece of a stream. */
const HEADER_BYTES = 256;

/** The frame itself, a smaller one that says what was left out, or undefined when it cannot be sent at all. */
export function fitFrame(frame: FrameBody, maxBytes: number): FrameBody | undefined {
  if (isSendable(frame, maxBytes)) return frame;
  if (frame.case !== 'toolResult' || frame.value.answer.case !== 'done') return undefined;
  const limit = { what: 'the result', limit: `${maxBytes} bytes`, setting: FRAME_BYTES } as const;
  return { case: 'toolResult', value: unsendableResult(frame.value, new AppError('LIMIT_EXCEEDED', limit)) };
}

/** The same answer to the same call, with why its own cannot be sent. */
export function unsendableResult(result: ToolResult, error: AppError): ToolResult {
  const { job, epoch, idempotencyKey, sequence, answer } = result;
  const failure = toFailure(error);
  const why = answer.case === 'done' ? create(ToolDoneSchema, { failure }) : undefined;
  return create(ToolResultSchema, {
    job,
    epoch,
    idempotencyKey,
    sequence,
    answer: why
      ? { case: 'done', value: why }
      : ({ case: answer.case ?? 'unknown', value: failure } as ToolResult['answer']),
  });
}

function isSendable(frame: FrameBody, maxBytes: number): boolean {
  if (frame.case === 'toolProgress') return frame.value.response.length + 512 <= maxBytes - HEADER_BYTES;
  return encodingProblem(ConnectRequestSchema, { frame }, maxBytes) === undefined;
}
