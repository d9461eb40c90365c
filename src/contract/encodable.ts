// Whether a frame can be sent at all: it has an encoding, and one that the other side takes. A frame that ends its stream would be
// sent again in the next one, so it is asked before.
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';

/** Room for the header. */
const HEADER_BYTES = 256;

/** What is wrong, in words without content; undefined where nothing is. */
export function encodingProblem<Desc extends DescMessage>(
  schema: Desc,
  frame: MessageInitShape<Desc>,
  maxBytes: number,
): string | undefined {
  try {
    const bytes = toBinary(schema, create(schema, frame)).length + HEADER_BYTES;
    return bytes > maxBytes ? `it has ${bytes} bytes, and ${maxBytes} are the most of one frame` : undefined;
  } catch {
    // What the encoder says quotes values.
    return 'it holds a value that cannot be encoded';
  }
}
