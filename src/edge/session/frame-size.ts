// Keeps frames within what the control plane takes. A result that is too large becomes an answer that says so, because a
// frame that kills the stream would be sent again for ever.
import { create, toBinary } from '@bufbuild/protobuf';
import { ConnectRequestSchema, ToolDoneSchema, ToolResultSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { AppError } from '../../base/errors.ts';
import { toFailure } from '../../contract/errors.ts';
import type { FrameBody } from './outbox.ts';

/** Room for the header. */
const HEADER_BYTES = 256;

/** The frame itself, a smaller one that says what was left out, or undefined when it cannot be sent at all. */
export function fitFrame(frame: FrameBody, maxBytes: number): FrameBody | undefined {
  if (sizeAtMost(frame, maxBytes - HEADER_BYTES)) return frame;
  if (frame.case !== 'toolResult') return undefined;
  const { job, epoch, idempotencyKey, sequence, answer } = frame.value;
  if (answer.case !== 'done') return undefined;
  const failure = toFailure(
    new AppError('LIMIT_EXCEEDED', {
      what: 'the result',
      limit: `${maxBytes} bytes`,
      setting: 'the frame size of the control plane',
    }),
  );
  const done = create(ToolDoneSchema, { failure });
  const value = create(ToolResultSchema, {
    job,
    epoch,
    idempotencyKey,
    sequence,
    answer: { case: 'done', value: done },
  });
  return { case: 'toolResult', value };
}

function sizeAtMost(frame: FrameBody, limit: number): boolean {
  switch (frame.case) {
    case 'toolProgress':
      return frame.value.response.length + 512 <= limit;
    case 'toolResult':
    case 'hello':
    case 'userEvent':
      return toBinary(ConnectRequestSchema, create(ConnectRequestSchema, { frame })).length <= limit;
    default:
      return true;
  }
}
