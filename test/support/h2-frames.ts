// HTTP/2 written byte by byte: frames and header blocks that no library would send.
import type { Socket } from 'node:net';

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  window: 8,
  continuation: 9,
} as const;
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** @param length what the frame says of itself; by default the truth */
export function frame(type: number, flags: number, stream: number, body: Uint8Array, length = body.length): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length & 0xffffff, 0, 3);
  head.writeUInt8(type & 0xff, 3);
  head.writeUInt8(flags & 0xff, 4);
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, body]);
}

/** A header block of literals without index and without Huffman (RFC 7541, 6.2.2): any bytes as names and values. */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([prefixed(bytes.length), bytes]);
}

/** A number with a prefix of 7 bits (RFC 7541, 5.1). */
function prefixed(value: number): Buffer {
  if (value < 127) return Buffer.of(value);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** Resolves when the peer ended the connection or sent a frame of this type and flags, and after `mostMs` in any case. */
export function heard(
  socket: Socket,
  type: number,
  flags: number,
  mostMs: number,
): Promise<'heard' | 'ended' | 'silent'> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => done('silent'), mostMs);
    const ended = () => done('ended');
    const data = (piece: Buffer) => {
      bytes = Buffer.concat([bytes, piece]);
      while (bytes.length >= 9) {
        const length = bytes.readUIntBE(0, 3);
        if (bytes.length < 9 + length) return;
        if (bytes[3] === type && bytes[4] === flags) return done('heard');
        bytes = bytes.subarray(9 + length);
      }
    };
    const done = (how: 'heard' | 'ended' | 'silent') => {
      clearTimeout(timer);
      socket.off('data', data).off('close', ended);
      resolve(how);
    };
    if (socket.destroyed) return done('ended');
    socket.on('data', data).once('close', ended);
  });
}
