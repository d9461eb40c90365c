// Makes of what is to be said the frames that are sent: fitted to the largest frame that the control plane takes, and passed by the
// gate. What can never leave ends there.
import { create } from '@bufbuild/protobuf';
import { type ConnectRequest, ConnectRequestSchema, EventOutcomeSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { toFailure } from '../../contract/errors.ts';
import type { AskService } from '../asks/ask-service.ts';
import { type FrameBody, fitFrame, unsendableResult } from './frame-size.ts';
import type { FrameGate } from './ports.ts';

export interface OutgoingFramesParts {
  readonly gate: FrameGate;
  readonly asks: Pick<AskService, 'outcome'>;
  readonly log: Logger;
}

export class OutgoingFrames {
  readonly #parts: OutgoingFramesParts;

  constructor(parts: OutgoingFramesParts) {
    this.#parts = parts;
  }

  /** The frame without its header; undefined when nothing leaves. */
  of(body: FrameBody, maxFrameBytes: number): ConnectRequest | undefined {
    const { gate, log } = this.#parts;
    try {
      const fitting = fitFrame(body, maxFrameBytes);
      if (fitting) return gate.frame(create(ConnectRequestSchema, { frame: fitting }));
      log.error('the control plane can never take a frame; it was not sent', undefined, { frame: body.case });
    } catch (error) {
      log.error('the gate refused a frame; it was not sent', error, { frame: body.case });
    }
    return this.#unsent(body);
  }

  /** What a frame that cannot leave was about ends with that, because it would be tried in every session. */
  #unsent(body: FrameBody): ConnectRequest | undefined {
    const problem = 'the control plane can never take it';
    const error = new AppError('MESSAGE_REFUSED', { what: body.case, problem });
    if (body.case === 'toolResult') {
      const frame = { case: 'toolResult', value: unsendableResult(body.value, error) } as const;
      return this.#parts.gate.frame(create(ConnectRequestSchema, { frame }));
    }
    if (body.case === 'userEvent') {
      const { run, sequence } = body.value;
      const refused = create(EventOutcomeSchema, { run, sequence, refused: toFailure(error) });
      this.#parts.asks.outcome(refused).catch((problem: unknown) => {
        this.#parts.log.error('a refusal could not be journaled; it comes again', problem);
      });
    }
    return undefined;
  }
}
