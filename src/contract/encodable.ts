// Whether a frame can be sent at all: it has an encoding, and one that the other side takes. A frame that ends its stream would be
// sent again in the next one, so it is asked before. What was encoded for that is what leaves.
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';

/** Room for the header. */
const HEADER_BYTES = 256;

/** The content of a frame that may be known by its encoding: the frame without its header. */
export interface Encodable {
  readonly encoded?: Uint8Array;
}

/** The frame encoded; what is wrong with it, in words without content, where it cannot be sent. */
export function encodeContent<Desc extends DescMessage>(
  schema: Desc,
  frame: MessageInitShape<Desc>,
  maxBytes: number,
): { readonly encoded: Uint8Array } | { readonly problem: string } {
  try {
    const encoded = toBinary(schema, create(schema, frame));
    const bytes = encoded.length + HEADER_BYTES;
    if (bytes <= maxBytes) return { encoded };
    return { problem: `it has ${bytes} bytes, and ${maxBytes} are the most of one frame` };
  } catch {
    // What the encoder says quotes values.
    return { problem: 'it holds a value that cannot be encoded' };
  }
}

/** What is wrong with a frame, as `encodeContent` says; undefined where nothing is. */
export function encodingProblem<Desc extends DescMessage>(
  schema: Desc,
  frame: MessageInitShape<Desc>,
  maxBytes: number,
): string | undefined {
  const content = encodeContent(schema, frame, maxBytes);
  return 'problem' in content ? content.problem : undefined;
}
