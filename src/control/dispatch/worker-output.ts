// Tells the readers of a run what a running attempt said: text for an ask, whole messages for a call.
import { fromBinary } from '@bufbuild/protobuf';
import { ChatResponseSchema } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { JobOutput } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import type { Attempt } from './attempts.ts';
import type { Signals } from './signals.ts';

export function streamOutput(signals: Signals, attempt: Attempt, frame: JobOutput): void {
  const { tenant, run, job } = attempt;
  const epoch = BigInt(attempt.epoch);
  if (attempt.isCall) {
    signals.toRun(tenant, run, {
      case: 'message',
      value: { job, epoch, index: frame.index, response: frame.response },
    });
    return;
  }
  const { event } = fromBinary(ChatResponseSchema, frame.response);
  if (event.case !== 'text' || event.value.text === '') return;
  const offset = attempt.text.append(event.value.text);
  signals.toRun(tenant, run, { case: 'text', value: { job, epoch, offset: BigInt(offset), text: event.value.text } });
}
