// One bus message as bytes: version, publisher, sequence, data. Pure.
import type { BusMessage } from './ports.ts';

const VERSION = 1;
/** Version (1), length of the publisher (1), the publisher, sequence (8), then the data. */
const FIXED = 10;
const decoder = new TextDecoder();

/** @throws RangeError when the publisher's name is longer than 255 bytes. */
export function encodeBusFrame({ publisher, sequence, data }: BusMessage): Buffer {
  const name = Buffer.byteLength(publisher);
  if (name > 255) throw new RangeError('the name of a publisher is at most 255 bytes');
  const frame = Buffer.allocUnsafe(FIXED + name + data.byteLength);
  frame[0] = VERSION;
  frame[1] = name;
  frame.write(publisher, 2);
  frame.writeBigUInt64BE(BigInt(sequence), 2 + name);
  frame.set(data, FIXED + name);
  return frame;
}

/** Undefined for what is no frame of this version: somebody else's message, or a newer replica's. */
export function decodeBusFrame(frame: Uint8Array): BusMessage | undefined {
  const name = frame[1];
  if (frame[0] !== VERSION || name === undefined || frame.byteLength < FIXED + name) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return {
    publisher: decoder.decode(frame.subarray(2, 2 + name)),
    sequence: Number(view.getBigUint64(2 + name)),
    data: frame.subarray(FIXED + name),
  };
}
