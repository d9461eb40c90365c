import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { EmbedResponseSchema } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { ConnectRequestSchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { WorkRequestSchema } from '../../gen/bowline/worker/v1/worker_pb.ts';
import { AppError } from '../base/errors.ts';
import { decode, WIRE_BOUNDS } from './wire-meter.ts';

const many = <T>(count: number, one: T): T[] => new Array<T>(count).fill(one);

test('what an honest peer sends at the limits of the contract is decoded', () => {
  const files = many(2000, { path: 'notes/a.md', startLine: 1, endLine: 2 });
  const event = create(ConnectRequestSchema, {
    frame: { case: 'userEvent', value: { text: 'x'.repeat(65_536), shares: many(16, { id: 'a', files }) } },
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

test('what is no message is left to the decoder', () => {
  for (const bytes of [Buffer.alloc(100_000, 0xff), Buffer.alloc(100_000, 0x0b), Buffer.alloc(100_000, 0x3a)])
    expect(() => decode(ConnectRequestSchema, bytes)).toThrow();
});
