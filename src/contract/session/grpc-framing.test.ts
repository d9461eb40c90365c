// What is written comes back, however it is cut on its way, and what is too large is refused before it has come.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameHeaderSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { WorkResponseSchema } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { encodeContent } from '../encodable.ts';
import { FrameSplitter, framed, framedContent, framedMessage } from './grpc-framing.ts';

const splitter = (most = 1 << 20) =>
  new FrameSplitter({
    most,
    tooLarge: (bytes) => new Error(`too large: ${bytes}`),
    packed: () => new Error('packed'),
  });

test('messages come whole and in their order, in whatever pieces their stream brings them', () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 12 }), pieces, (sent, cuts) => {
      const all = Buffer.concat(sent.map(framedMessage));
      const reader = splitter();
      const came: Uint8Array[] = [];
      for (let at = 0, turn = 0; at < all.length; turn++) {
        const end = at + cuts[turn % cuts.length]!;
        came.push(...reader.split(all.subarray(at, end)));
        at = end;
      }
      expect(came.map((each) => Buffer.from(each))).toEqual(sent.map((each) => Buffer.from(each)));
      expect(reader.cut).toBe(false);
    }),
  );
});

test('a message keeps nothing of what came with it', () => {
  const all = Buffer.concat([framedMessage(Buffer.alloc(8, 1)), framedMessage(Buffer.alloc(60_000, 2))]);
  const [small] = splitter().split(all);
  expect(small?.buffer.byteLength).toBe(8);
});

test('a message that is too large is refused by its head, and one that is packed', () => {
  const head = framedMessage(new Uint8Array(2_000)).subarray(0, 5);
  expect(() => splitter(1_999).split(head)).toThrow('too large: 2000');
  expect(splitter(2_000).split(head)).toEqual([]);
  expect(() => splitter().split(Buffer.from([1, 0, 0, 0, 0]))).toThrow('packed');
});

test('the first message has a bound of its own, and what is kept of one that has begun is told', () => {
  const told: number[] = [];
  const reader = new FrameSplitter({
    most: 2_000,
    mostFirst: 100,
    onHeld: (bytes) => told.push(bytes),
    tooLarge: (bytes, most, ofFirst) => new Error(`too large${ofFirst ? ' to begin' : ''}: ${bytes} of ${most}`),
    packed: () => new Error('packed'),
  });
  expect(() => reader.split(framedMessage(new Uint8Array(101)).subarray(0, 5))).toThrow(
    'too large to begin: 101 of 100',
  );
  expect(told).toEqual([]);
  expect(reader.split(framedMessage(new Uint8Array(100)))).toHaveLength(1);
  expect(() => reader.split(framedMessage(new Uint8Array(2_001)).subarray(0, 5))).toThrow('too large: 2001 of 2000');
  const large = framedMessage(new Uint8Array(2_000));
  reader.split(large.subarray(0, 700));
  expect(told).toEqual([700]);
  expect(reader.split(large.subarray(700))).toHaveLength(1);
  expect(told.at(-1)).toBe(0);
  reader.split(large.subarray(0, 700));
  reader.drop();
  expect(told.slice(-2)).toEqual([700, 0]);
  expect(reader.cut).toBe(false);
});

test('content that was encoded before is the same frame as the one that is encoded with its header', () => {
  const frame = { case: 'resultCommitted', value: { dispatchId: 'r/0/0-1-n' } } as const;
  for (const seq of [1n, 300n, 1n << 60n]) {
    const header = create(FrameHeaderSchema, { seq, ackSeq: seq * 2n });
    const content = encodeContent(WorkResponseSchema, { frame }, 1_000);
    if (!('encoded' in content)) throw new Error(content.problem);
    const once = framedContent(header, content.encoded);
    expect(once).toEqual(framed(WorkResponseSchema, { header, frame }));
    const message = fromBinary(WorkResponseSchema, once.subarray(5));
    expect(toBinary(WorkResponseSchema, message)).toEqual(
      toBinary(WorkResponseSchema, create(WorkResponseSchema, { header, frame })),
    );
  }
});
