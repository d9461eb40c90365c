// Makes of what is to be said the frames that are sent: fitted to the largest frame that the control plane takes, and passed by the
// gate. A result that is too large becomes an answer that says so, and what can never leave ends here, because a frame that kills the
// stream would be sent again for ever.
import { create } from '@bufbuild/protobuf';
import { AskVerdictSchema, type ConnectRequest, ConnectRequestSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { ToolDoneSchema, type ToolResult, ToolResultSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { encodingProblem } from '../../contract/encodable.ts';
import { toFailure } from '../../contract/errors.ts';
import type { AskService } from '../asks/ask-service.ts';
import type { FrameGate } from './ports.ts';

/** What is to be said, before it is a frame. */
export type FrameBody = Exclude<ConnectRequest['frame'], { case: undefined }>;

const FRAME_BYTES = 'limits.frame_bytes of the device, or BOWLINE_MAX_FRAME_BYTES of the control plane,';

/** Room for the header of a piece of a stream. */
const HEADER_BYTES = 256;

export interface OutgoingFramesParts {
  readonly gate: FrameGate;
  readonly asks: Pick<AskService, 'outcome'>;
  readonly log: Logger;
}

export class OutgoingFrames {
  readonly #parts: OutgoingFramesParts;
  /** Largest frame that the control plane takes. */
  maxFrameBytes: number;

  constructor(parts: OutgoingFramesParts, maxFrameBytes: number) {
    this.#parts = parts;
    this.maxFrameBytes = maxFrameBytes;
  }

  /** The frame without its header; undefined when nothing leaves. */
  readonly make = (body: FrameBody): ConnectRequest | undefined => {
    const { gate, log } = this.#parts;
    try {
      const fitting = fitFrame(body, this.maxFrameBytes);
      if (fitting) return gate.frame(create(ConnectRequestSchema, { frame: fitting }));
      log.error('the control plane can never take a frame; it was not sent', undefined, { frame: body.case });
    } catch (error) {
      log.error('the gate refused a frame; it was not sent', error, { frame: body.case });
    }
    return this.#unsent(body);
  };

  /** What a frame that cannot leave was about ends with that, because it would be tried in every session. */
  #unsent(body: FrameBody): ConnectRequest | undefined {
    const problem = 'the control plane can never take it';
    const error = new AppError('MESSAGE_REFUSED', { what: body.case, problem });
    if (body.case === 'toolResult') {
      const frame = { case: 'toolResult', value: unsendableResult(body.value, error) } as const;
      return this.#parts.gate.frame(create(ConnectRequestSchema, { frame }));
    }
    if (body.case === 'ask') {
      const { run, sequence } = body.value;
      const refused = create(AskVerdictSchema, { run, sequence, refused: toFailure(error) });
      this.#parts.asks.outcome(refused).catch((problem: unknown) => {
        this.#parts.log.error('a refusal could not be journaled; it comes again', problem);
      });
    }
    return undefined;
  }
}

/** The frame itself, a smaller one that says what was left out, or undefined when it cannot be sent at all. */
function fitFrame(frame: FrameBody, maxBytes: number): FrameBody | undefined {
  if (isSendable(frame, maxBytes)) return frame;
  if (frame.case !== 'toolResult' || frame.value.answer.case !== 'done') return undefined;
  const limit = { what: 'the result', limit: `${maxBytes} bytes`, setting: FRAME_BYTES } as const;
  return { case: 'toolResult', value: unsendableResult(frame.value, new AppError('LIMIT_EXCEEDED', limit)) };
}

/** The same answer to the same call, with why its own cannot be sent. */
function unsendableResult(result: ToolResult, error: AppError): ToolResult {
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
