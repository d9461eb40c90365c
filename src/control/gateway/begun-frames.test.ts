// What sessions have begun to send is bounded: each before its Hello, and all of them together, by whoever holds most.
import { expect, test } from 'vitest';
import { FrameSplitter } from '../../contract/session/grpc-framing.ts';
import { BegunFrames } from './begun-frames.ts';

const MIB = 1 << 20;
const head = (length: number) => {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(length, 1);
  return bytes;
};

test('together they hold no more than the limit; the peer that holds most loses its largest frame', () => {
  const lost: string[] = [];
  const begun = new BegunFrames(64 * MIB, () => {});
  const stream = (peer: string, name: string) => {
    const splitter = new FrameSplitter({
      most: 8 * MIB,
      tooLarge: () => new Error('too large'),
      packed: () => new Error('packed'),
      onHeld: (bytes) => own.hold(bytes),
    });
    const own = begun.open(peer, ({ metadata }) => {
      lost.push(`${name} ${metadata.setting}`);
      splitter.drop();
    });
    return splitter;
  };
  const honest = stream('device a', 'honest');
  honest.split(head(6 * MIB));
  honest.split(Buffer.alloc(5 * MIB));
  for (let n = 0; n < 180; n++) {
    const each = stream('worker k', `stream ${n}`);
    each.split(head(8 * MIB));
    each.split(Buffer.alloc(n === 3 ? 4 * MIB : 2 * MIB));
    expect(begun.bytes).toBeLessThanOrEqual(64 * MIB);
  }
  expect(lost[0]).toBe('stream 3 BOWLINE_MAX_BEGUN_BYTES');
  expect(lost.length).toBeGreaterThan(140);
  expect(lost.some((each) => each.startsWith('honest'))).toBe(false);
  expect(honest.split(Buffer.alloc(MIB))).toHaveLength(1);
});
