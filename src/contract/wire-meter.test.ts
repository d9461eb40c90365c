import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { EmbedResponseSchema } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { ChatRequestSchema } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { ConnectRequestSchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { WorkRequestSchema } from '../../gen/bowline/worker/v1/worker_pb.ts';
import { AppError } from '../base/errors.ts';
import { decode, mustFitLoop, WIRE_BOUNDS } from './wire-meter.ts';

const many = <T>(count: number, one: T): T[] => new Array<T>(count).fill(one);

test('what an honest peer sends at the limits of the contract is decoded', () => {
  const files = many(2000, { path: 'notes/a.md', startLine: 1, endLine: 2 });
  const event = create(ConnectRequestSchema, {
    frame: { case: 'ask', value: { text: 'x'.repeat(65_536), shares: many(16, { id: 'a', files }) } },
  });
  const done = create(WorkRequestSchema, {
    frame: {
      case: 'result',
      value: { result: { case: 'done', value: { responses: many(65_536, new Uint8Array(20)) } } },
    },
  });
  const vectors = create(EmbedResponseSchema, { vectors: many(680, { values: many(1536, 0.5) }) });
  for (const [schema, message] of [
    [ConnectRequestSchema, event],
    [WorkRequestSchema, done],
    [EmbedResponseSchema, vectors],
  ] as const) {
    const bytes = toBinary(schema, message as never);
    expect(Buffer.compare(toBinary(schema, decode(schema, bytes) as never), bytes)).toBe(0);
  }
});

test.each([
  ['messages', [0x3a, 0]],
  ['messages', [0x0a, 0]],
  ['fields', [0xf8, 1, 1]],
  ['fields', [0x98, 1, 1]],
] as const)('more %s than one turn can decode are refused, with the limit', (met, one) => {
  const failed = () => decode(ConnectRequestSchema, Buffer.alloc(one.length * 300_000, Buffer.from(one)));
  expect(failed).toThrow(AppError);
  expect(failed).toThrow(`the number of ${met} in a ConnectRequest is over the limit of ${WIRE_BOUNDS[met]}`);
});

test.each([
  // messages of ChatRequest with the wire type of a number, then junk fields of two bytes.
  ['a message as a number', ChatRequestSchema, [0x08], [0x78, 0]],
  ['a message as a number, many of it', ChatRequestSchema, [], [0x08, 0]],
  ['a text as a number', ChatRequestSchema, [], [0x10, 0]],
  ['an unknown group', ConnectRequestSchema, [], [0xfb, 1, 0xfc, 1]],
  ['an unknown wire type', ConnectRequestSchema, [], [0xfe, 1]],
] as const)('%s, where the schema says otherwise, is refused before it is decoded', (_, schema, first, one) => {
  const junk = Buffer.alloc(200_000, Buffer.from(one));
  const length = [0xc0, 0x9a, 0x0c];
  const bytes = first.length > 0 ? Buffer.concat([Buffer.from([...first, ...length]), junk]) : junk;
  expect(() => mustFitLoop(schema, bytes)).toThrow(`no ${schema.name} stands so`);
});

test('a length or a number that goes on beyond what holds it is refused', () => {
  // A message of 10 bytes, in it a field of 100,000.
  const beyond = Buffer.concat([Buffer.from([0x0a, 10, 0x1a, 0xa0, 0x8d, 6]), Buffer.alloc(100_000)]);
  const cut = Buffer.concat([
    Buffer.alloc(100_000, Buffer.from([0xf8, 1, 1])).subarray(0, 99_999),
    Buffer.from([0xf8]),
  ]);
  const endless = Buffer.alloc(100_000, 0xff);
  for (const bytes of [beyond, cut, endless]) {
    expect(() => mustFitLoop(ChatRequestSchema, bytes)).toThrow('stands so');
  }
});

test('what a message holds of every kind of field passes, packed or not', () => {
  const packed = create(EmbedResponseSchema, { vectors: many(100, { values: many(1536, 0.5) }) });
  const bytes = toBinary(EmbedResponseSchema, packed);
  expect(() => mustFitLoop(EmbedResponseSchema, bytes)).not.toThrow();
  // The same numbers, each with its tag.
  const loose = Buffer.concat([
    Buffer.from([0x0a, 0xd0, 0x86, 3]),
    Buffer.alloc(50_000, Buffer.from([0x0d, 0, 0, 0, 0])),
  ]);
  expect(() => mustFitLoop(EmbedResponseSchema, loose)).not.toThrow();
});

test('a decoder of a small box takes less', () => {
  const few = { fields: 100, messages: 10, numbers: 1000, 'bytes of text': 1000 };
  const bytes = Buffer.alloc(202, Buffer.from([0xf8, 1]));
  expect(() => mustFitLoop(ConnectRequestSchema, Buffer.alloc(303, Buffer.from([0xf8, 1, 1])), few)).toThrow(
    'limit of 100',
  );
  expect(() => mustFitLoop(ConnectRequestSchema, bytes)).not.toThrow();
});

test('what is no message is left to the decoder', () => {
  for (const bytes of [Buffer.alloc(100_000, 0xff), Buffer.alloc(100_000, 0x0b), Buffer.alloc(100_000, 0x3a)])
    expect(() => decode(ConnectRequestSchema, bytes)).toThrow();
});
