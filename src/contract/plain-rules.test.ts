// Whatever is said to keep its rules surely keeps them, as protovalidate judges; and the frames of a run need no other judge.
import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { createValidator } from '@bufbuild/protovalidate';
import { expect, test } from 'vitest';
import { ChatRequestSchema } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { ConnectRequestSchema, ConnectResponseSchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { ManifestSchema } from '../../gen/bowline/manifest/v1/manifest_pb.ts';
import { WorkRequestSchema, WorkResponseSchema } from '../../gen/bowline/worker/v1/worker_pb.ts';
import { randomOf } from '../../test/fuzz/fuzz.ts';
import { casesOf, hostileMessage } from '../../test/fuzz/hostile-message.ts';
import { surelyKeepsRules } from './plain-rules.ts';

const validator = createValidator();
const kept = <Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>) =>
  validator.validate(schema, message).kind === 'valid';

test.each([
  WorkRequestSchema,
  WorkResponseSchema,
  ConnectRequestSchema,
  ConnectResponseSchema,
  ManifestSchema,
  ChatRequestSchema,
])('$typeName: nothing that breaks a rule is taken for sure', (schema: DescMessage) => {
  const random = randomOf(64);
  const cases = casesOf(schema);
  for (let round = 0; round < 1_500; round++) {
    const message = hostileMessage(schema, random, {}, cases[round % Math.max(cases.length, 1)]);
    if (surelyKeepsRules(schema, message)) expect(kept(schema, message)).toBe(true);
  }
});

const frame = (body: NonNullable<Parameters<typeof create<typeof WorkRequestSchema>>[1]>['frame']) =>
  create(WorkRequestSchema, { header: { seq: 1n }, frame: body! });
const dispatchId = 'r/0/0-1-n';

test('an ask is sure; one whose text may be too long, or whose run is no UUID, is judged', () => {
  const id = '0d3f2b1a-1111-4222-8333-444455556666';
  const ask = (text: string, run = id, sequence = 1n) =>
    create(ConnectRequestSchema, {
      header: { seq: 1n },
      frame: { case: 'ask', value: { sequence, journalId: id, run, conversation: id, text } },
    });
  const look = (message: ReturnType<typeof ask>) => [
    surelyKeepsRules(ConnectRequestSchema, message),
    kept(ConnectRequestSchema, message),
  ];
  expect(look(ask('hello'))).toEqual([true, true]);
  expect(look(ask('é'.repeat(20_000)))).toEqual([true, true]);
  expect(look(ask('a'.repeat(65_536)))).toEqual([false, true]);
  const dear = (maxCostMicros: bigint) => {
    const { frame: init } = ask('a');
    if (init.case !== 'ask') throw new Error('no ask');
    return create(ConnectRequestSchema, {
      header: { seq: 1n },
      frame: { ...init, value: { ...init.value, maxCostMicros } },
    });
  };
  expect(look(dear(10n ** 15n))).toEqual([true, true]);
  expect(look(dear(10n ** 15n + 1n))).toEqual([false, false]);
  for (const broken of [ask('a'.repeat(65_537)), ask(''), ask('a', `${id}0`), ask('a', id, 0n)])
    expect(look(broken)).toEqual([false, false]);
});

test('frames of a run are sure; those that break a plain rule are not', () => {
  const output = (id: string, bytes: number) =>
    frame({ case: 'output', value: { dispatchId: id, epoch: 1n, response: new Uint8Array(bytes) } });
  const done = { case: 'done' as const, value: { responses: [new Uint8Array(3)] } };
  const sure = [
    output(dispatchId, 0),
    output('é'.repeat(300), 4 << 20),
    frame({ case: 'result', value: { dispatchId, epoch: 1n, result: done } }),
    frame({ case: 'credits', value: { free: 3 } }),
    frame({ case: 'pong', value: { nonce: 1n } }),
  ];
  const broken = [
    output('a'.repeat(301), 0),
    output(dispatchId, (4 << 20) + 1),
    frame({ case: undefined }),
    frame({ case: 'result', value: { dispatchId, epoch: 1n } }),
    frame({ case: 'childCall', value: { dispatchId, epoch: 1n, number: 0, method: 'a' } }),
  ];
  expect(sure.map((each) => surelyKeepsRules(WorkRequestSchema, each))).toEqual(sure.map(() => true));
  expect(broken.map((each) => surelyKeepsRules(WorkRequestSchema, each))).toEqual(broken.map(() => false));
  expect(broken.map((each) => kept(WorkRequestSchema, each))).toEqual(broken.map(() => false));
});
