// The frames that every session answers alike, whoever its sides are: pings, and what a newer version says.
import { create } from '@bufbuild/protobuf';
import {
  type FrameHeader,
  type Ping,
  type Pong,
  PongSchema,
  type Unimplemented,
  UnimplementedSchema,
} from '../../../gen/bowline/common/v1/common_pb.ts';

export type CommonAnswer =
  | { readonly case: 'pong'; readonly value: Pong }
  | { readonly case: 'unimplemented'; readonly value: Unimplemented };

/** The frames below. */
export type CommonFrame =
  | { readonly case: 'ping'; readonly value: Ping }
  | { readonly case: 'pong' | 'unimplemented' | undefined };

/** Answers a frame by its header: a ping by its pong, one without a body that is known here by its number; the rest needs no answer. */
export function answerFrame(
  header: FrameHeader | undefined,
  frame: CommonFrame,
  out: { offer(answer: CommonAnswer): boolean },
): void {
  if (frame.case === 'ping') out.offer({ case: 'pong', value: create(PongSchema, { nonce: frame.value.nonce }) });
  else if (frame.case === undefined)
    out.offer({ case: 'unimplemented', value: create(UnimplementedSchema, { seq: header?.seq ?? 0n }) });
}
