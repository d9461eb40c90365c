// Tells the readers of a run what a running attempt said: text for an ask, whole messages for a call.
import { type ChatResponse, ChatResponseSchema } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { JobOutput } from '../../../../gen/bowline/worker/v1/worker_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { decode } from '../../../contract/wire-meter.ts';
import type { Attempt } from '../attempts/attempts.ts';
import { SIGNAL_BYTES, type Signals } from '../signals/signals.ts';

/** Throws MODEL_OUTPUT_INVALID for a message that is none. */
export function streamOutput(signals: Signals, attempt: Attempt, frame: JobOutput): void {
  const { tenant, run, job, text } = attempt;
  const epoch = BigInt(attempt.epoch);
  if (attempt.streams === 'nothing') return;
  if (attempt.streams === 'messages') {
    signals.toRun(tenant, run, {
      case: 'message',
      value: { job, epoch, index: frame.index, response: frame.response },
    });
    return;
  }
  const { event } = chatResponse(frame.response);
  if (event.case !== 'text' || event.value.text === '') return;
  for (const piece of text.appended(event.value.text, SIGNAL_BYTES)) {
    const value = { job, epoch, offset: BigInt(piece.offset), text: piece.text };
    signals.toRun(tenant, run, { case: 'text', value });
  }
}

function chatResponse(bytes: Uint8Array): ChatResponse {
  try {
    return decode(ChatResponseSchema, bytes);
  } catch (cause) {
    throw new AppError('MODEL_OUTPUT_INVALID', { problem: 'a message of its stream cannot be read' }, { cause });
  }
}
