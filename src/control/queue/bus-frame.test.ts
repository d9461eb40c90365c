import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBusFrame, encodeBusFrame } from './bus-frame.ts';

test('a frame comes back as it was', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 60, unit: 'grapheme' }),
      fc.maxSafeNat(),
      fc.uint8Array(),
      (publisher, sequence, data) => {
        fc.pre(Buffer.byteLength(publisher) <= 255);
        expect(decodeBusFrame(encodeBusFrame({ publisher, sequence, data }))).toEqual({
          publisher,
          sequence,
          data: Buffer.from(data),
        });
      },
    ),
    { numRuns: 100 },
  );
});

test('what is no frame is nothing, however short, and never throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const message = decodeBusFrame(bytes);
      if (bytes[0] !== 1) expect(message).toBeUndefined();
    }),
    { numRuns: 200 },
  );
  const frame = encodeBusFrame({ publisher: 'p', sequence: 1, data: new Uint8Array(0) });
  for (let length = 0; length < frame.byteLength; length++)
    expect(decodeBusFrame(frame.subarray(0, length))).toBeUndefined();
});
