// The smallest real pictures: a PNG of one colour, and a JPEG of eight grey pixels with a number in its comment.
import { crc32, deflateSync } from 'node:zlib';

/** @param seed makes each of them different */
export function pixels(kind: 'png' | 'jpeg', seed: number): Uint8Array {
  return kind === 'png' ? png(seed) : jpeg(seed);
}

function png(seed: number): Uint8Array {
  const [width, height] = [8, 8];
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.of(0), Buffer.alloc(width * 3, (seed * 31) % 256)]);
  const data = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  const chunks = [chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...chunks]);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** Baseline, one grey component, one block; the tables hold a single code each. */
function jpeg(seed: number): Uint8Array {
  const part = (mark: number, ...bytes: number[]) => [0xff, mark, 0, bytes.length + 2, ...bytes];
  const table = (id: number) => part(0xc4, id, 1, ...Array<number>(15).fill(0), 0);
  return Buffer.from([
    ...[0xff, 0xd8],
    ...part(0xe0, 0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0),
    ...part(0xfe, ...Buffer.from(`picture ${seed}`)),
    ...part(0xdb, 0, ...Array<number>(64).fill(1)),
    ...part(0xc0, 8, 0, 8, 0, 8, 1, 1, 0x11, 0),
    ...table(0x00),
    ...table(0x10),
    ...part(0xda, 1, 1, 0, 0, 63, 0),
    ...[0x3f, 0xff, 0xd9],
  ]);
}
