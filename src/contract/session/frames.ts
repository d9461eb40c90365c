// Numbers the frames of one stream and checks that those of the other side come without gaps.
import { create } from '@bufbuild/protobuf';
import { type FrameHeader, FrameHeaderSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../../base/errors.ts';

export class FrameCounter {
  #sent = 0n;
  #received = 0n;

  /** The head of the next frame to send. */
  next(): FrameHeader {
    this.#sent += 1n;
    return create(FrameHeaderSchema, { seq: this.#sent, ackSeq: this.#received });
  }

  /** Takes the head of a received frame. Throws FRAME_OUT_OF_ORDER unless it is the next one. */
  seen(header: FrameHeader | undefined): void {
    if (header?.seq !== this.#received + 1n) {
      throw new AppError('FRAME_OUT_OF_ORDER', {
        expected: (this.#received + 1n).toString(),
        got: header === undefined ? 'none' : header.seq.toString(),
      });
    }
    this.#received = header.seq;
  }
}
