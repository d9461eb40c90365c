// How the frames of a session stand on their stream: five bytes before each message say whether it is packed and how long it is (gRPC).
// What is checked by its encoding is sent as that: the header, a field of its own, is put before it.
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type FrameHeader, FrameHeaderSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { notParsed } from '../unparsed.ts';
import { mustFitLoop, type WireBounds } from '../wire-meter.ts';

/** Bytes before a message. */
const HEAD = 5;
/** The field that every frame has for its header (`header = 1`), and its wire type. */
const HEADER_TAG = (1 << 3) | 2;

/** A message with its head. */
export function framedMessage(bytes: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEAD + bytes.length);
  putHead(framed, bytes.length);
  framed.set(bytes, HEAD);
  return framed;
}

/** A frame whose content is encoded already, with its header and head. */
export function framedContent(header: FrameHeader, content: Uint8Array): Buffer {
  const own = toBinary(FrameHeaderSchema, header);
  const start = HEAD + 2 + own.length;
  const framed = Buffer.allocUnsafe(start + content.length);
  putHead(framed, 2 + own.length + content.length);
  framed[HEAD] = HEADER_TAG;
  // Two numbers: it never needs a second byte for its length.
  framed[HEAD + 1] = own.length;
  framed.set(own, HEAD + 2);
  framed.set(content, start);
  return framed;
}

/** A frame that is not encoded yet. */
export const framed = <Desc extends DescMessage>(schema: Desc, frame: MessageInitShape<Desc>): Buffer =>
  framedMessage(toBinary(schema, create(schema, frame)));

/** The message of a frame, measured before it is decoded. @throws LIMIT_EXCEEDED, FRAME_MALFORMED, INVALID_ARGUMENT */
export function unframed<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
  bounds?: WireBounds,
): MessageShape<Desc> {
  mustFitLoop(schema, bytes, bounds);
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw notParsed(cause);
  }
}

function putHead(framed: Buffer, length: number): void {
  framed[0] = 0;
  framed.writeUInt32BE(length, 1);
}

export interface FrameSplitterOptions {
  /** Bytes of the largest message. */
  readonly most: number;
  /** Of the first one, where that is less. */
  readonly mostFirst?: number;
  /** Told how many bytes are kept of what was begun, whenever that changes. */
  readonly onHeld?: (bytes: number) => void;
  /** What is thrown for one that is larger, before it has come. `ofFirst`: by the bound of the first one. */
  readonly tooLarge: (bytes: number, most: number, ofFirst: boolean) => Error;
  /** What is thrown for one that is packed, or has any other flag. */
  readonly packed: (flags: number) => Error;
}

const NOTHING = Buffer.alloc(0);

/** Makes messages of what comes, in whatever pieces. It keeps what was begun, and nothing of a message that it gave. */
export class FrameSplitter {
  readonly #options: FrameSplitterOptions;
  #held = NOTHING;
  /** Bytes of it that count. */
  #length = 0;
  /** Bytes that must be held before there is anything to look at. */
  #wanted = HEAD;
  #most: number;
  #told = 0;

  constructor(options: FrameSplitterOptions) {
    this.#options = options;
    this.#most = Math.min(options.most, options.mostFirst ?? options.most);
  }

  /** Whether a message has begun and not ended. */
  get cut(): boolean {
    return this.#length > 0;
  }

  /** Keeps nothing any more. */
  drop(): void {
    this.#held = NOTHING;
    this.#length = 0;
    this.#tell();
  }

  /** The messages that end with this piece, each in memory of its own. */
  split(piece: Buffer): Uint8Array[] {
    const messages = this.#split(piece);
    this.#tell();
    return messages;
  }

  #tell(): void {
    const bytes = this.#held.length;
    if (bytes === this.#told) return;
    this.#told = bytes;
    this.#options.onHeld?.(bytes);
  }

  #split(piece: Buffer): Uint8Array[] {
    const begun = this.#length > 0;
    if (begun) this.#hold(piece);
    if (begun && this.#length < this.#wanted) return [];
    const all = begun ? this.#held.subarray(0, this.#length) : piece;
    const messages: Uint8Array[] = [];
    const { most, tooLarge, packed } = this.#options;
    let at = 0;
    this.#wanted = HEAD;
    while (all.length - at >= HEAD) {
      const length = all.readUInt32BE(at + 1);
      if (length > this.#most) throw tooLarge(length, this.#most, this.#most < most);
      const flags = all[at] ?? 0;
      if (flags !== 0) throw packed(flags);
      const end = at + HEAD + length;
      if (end > all.length) {
        this.#wanted = HEAD + length;
        break;
      }
      this.#most = most;
      messages.push(Uint8Array.prototype.slice.call(all, at + HEAD, end));
      at = end;
    }
    if (at === 0 && begun) return messages;
    this.#held = NOTHING;
    this.#length = 0;
    if (at < all.length) this.#hold(all.subarray(at));
    return messages;
  }

  #hold(piece: Buffer): void {
    const length = this.#length + piece.length;
    if (length > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#held.length, length));
      larger.set(this.#held.subarray(0, this.#length));
      this.#held = larger;
    }
    this.#held.set(piece, this.#length);
    this.#length = length;
  }
}
