// Tells the readers of a run what a running attempt said: text for an ask, whole messages for a call.
import { fromBinary } from '@bufbuild/protobuf';
import { type ChatResponse, ChatResponseSchema } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { JobOutput } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Attempt } from './attempts.ts';
import type { Signals } from './signals.ts';

/** Bytes of text in one bus message, about. */
const PIECE = 64 * 1024;

/** Throws MODEL_OUTPUT_INVALID for a message that is none. */
export function streamOutput(signals: Signals, attempt: Attempt, frame: JobOutput): void {
  const { tenant, run, job, text } = attempt;
  const epoch = BigInt(attempt.epoch);
  if (attempt.isCall) {
    signals.toRun(tenant, run, {
      case: 'message',
      value: { job, epoch, index: frame.index, response: frame.response },
    });
    return;
  }
  const { event } = chatResponse(frame.response);
  if (event.case !== 'text' || event.value.text === '') return;
  for (let offset = text.append(event.value.text); offset < text.bytes; ) {
    const piece = text.from(offset, PIECE);
    signals.toRun(tenant, run, { case: 'text', value: { job, epoch, offset: BigInt(offset), text: piece } });
    offset += Buffer.byteLength(piece);
  }
}

function chatResponse(bytes: Uint8Array): ChatResponse {
  try {
    return fromBinary(ChatResponseSchema, bytes);
  } catch (cause) {
    throw new AppError('MODEL_OUTPUT_INVALID', { problem: 'a message of its stream cannot be read' }, { cause });
  }
}
