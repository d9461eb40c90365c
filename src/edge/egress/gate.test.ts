import {
  create,
  createFileRegistry,
  type DescFile,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Message,
  toBinary,
} from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { file_bowline_capability_fs_v1_fs } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { FailureSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { ConnectRequestSchema, ToolProgressSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { AskSchema, ToolDoneSchema, ToolResultSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { SizeClass, WithheldReason } from '../../../gen/bowline/run/v1/run_pb.ts';
import { roomyDay } from '../../../test/support/roomy-day.ts';
import { edgeCapabilities } from '../../contract/capabilities.ts';
import { sensitivityOf } from '../../contract/policy.ts';
import { withheldWord } from '../../contract/withheld.ts';
import { maxLenOf } from './field-plan.ts';
import { Gate } from './gate.ts';
import { Origins } from './origins.ts';
import { REVIEWED } from './reviewed.ts';

const noGrants = { covers: () => 'NO_GRANT' as const, spend: () => false, spendAgain: () => undefined };
const allGrants = {
  covers: () => ({ grant: 'g', recipients: ['rules'], lines: undefined, secrets: false }),
  spend: () => true,
  spendAgain: () => undefined,
};
const file = {
  kind: 'file' as const,
  name: 'docs/a.md',
  realPath: '/docs/a.md',
  device: 1n,
  inode: 2n,
  sha256: new Uint8Array(32),
  sizeClass: SizeClass.UNDER_1K,
};
const context = (origins: Origins) => ({ run: 'r', job: 'r/0/0', recipient: 'rules', origins, at: 0 });

/** Every message type reachable from a descriptor. */
function reachable(desc: DescMessage, seen = new Set<DescMessage>()): Set<DescMessage> {
  if (seen.has(desc)) return seen;
  seen.add(desc);
  for (const field of desc.fields) if (field.message) reachable(field.message, seen);
  return seen;
}

test('every METADATA text that can leave has a max_len and was looked at by a person', () => {
  const seen = reachable(ConnectRequestSchema);
  for (const service of edgeCapabilities) for (const method of service.methods) reachable(method.output, seen);
  const found = new Set<string>();
  for (const desc of seen) {
    for (const field of desc.fields) {
      const isText =
        (field.fieldKind === 'scalar' || (field.fieldKind === 'list' && field.listKind === 'scalar')) &&
        [9, 12].includes(field.scalar);
      if (!isText || sensitivityOf(field) !== Sensitivity.METADATA) continue;
      const name = `${desc.typeName}.${field.name}`;
      found.add(name);
      expect(maxLenOf(field), `${name} needs a max_len`).toBeGreaterThan(0);
      expect(REVIEWED.has(name), `${name} is not in the reviewed list`).toBe(true);
    }
  }
  expect(
    [...REVIEWED].filter((name) => !found.has(name)),
    'reviewed fields that do not exist',
  ).toEqual([]);
});

/** fs.Stat as it would be with more fields in its response. */
function changedStat(
  ...added: { name: string; type: FieldDescriptorProto_Type; label?: FieldDescriptorProto_Label }[]
): DescMethod {
  const changed = fromBinary(
    FileDescriptorProtoSchema,
    toBinary(FileDescriptorProtoSchema, file_bowline_capability_fs_v1_fs.proto),
  );
  const response = changed.messageType.find(({ name }) => name === 'StatResponse');
  added.forEach(({ name, type, label = FieldDescriptorProto_Label.OPTIONAL }, i) => {
    response?.field.push(create(FieldDescriptorProtoSchema, { name, jsonName: name, number: 50 + i, type, label }));
  });
  const files = [...dependencies(file_bowline_capability_fs_v1_fs), changed];
  const method = createFileRegistry(create(FileDescriptorSetSchema, { file: files })).getService(
    'bowline.capability.fs.v1.FsService',
  )?.method.stat;
  if (!method) throw new Error('no Stat');
  return method;
}

/** The files that a file needs, each after those that it needs itself. */
function dependencies(of: DescFile, all = new Map<string, FileDescriptorProto>()): FileDescriptorProto[] {
  for (const next of of.dependencies) {
    dependencies(next, all);
    all.set(next.proto.name, next.proto);
  }
  return [...all.values()];
}

test('an unannotated string or bytes field of a served message is withheld until its file is granted', () => {
  const method = changedStat(
    { name: 'note', type: FieldDescriptorProto_Type.STRING },
    { name: 'blob', type: FieldDescriptorProto_Type.BYTES },
    { name: 'words', type: FieldDescriptorProto_Type.STRING, label: FieldDescriptorProto_Label.REPEATED },
    { name: 'count', type: FieldDescriptorProto_Type.UINT32 },
  );
  const message = create(method.output);
  const set = reflect(method.output, message);
  const field = (name: string) => method.output.fields.find((one) => one.name === name)!;
  set.set(field('note'), 'secret words');
  set.set(field('blob'), Buffer.from('secret bytes'));
  (message as unknown as { words: string[] }).words = ['secret item'];
  set.set(field('count'), 3);
  const origins = new Origins();
  origins.set(message, file);
  const { bytes, withheld, egress } = new Gate(noGrants, roomyDay()).response(method, message, context(origins));
  expect(Buffer.from(bytes).toString('latin1')).not.toContain('secret');
  expect(withheld).toMatchObject(
    ['note', 'blob', 'words'].map((name) => ({
      field: name,
      why: WithheldReason.NO_GRANT,
      name: 'docs/a.md',
      hint: "--share 'docs/a.md'",
    })),
  );
  expect(egress).toEqual([]);
  expect(fromBinary(method.output, bytes)).toMatchObject({ count: 3 });
  const granted = new Gate(allGrants, roomyDay()).response(method, message, context(origins));
  expect(fromBinary(method.output, granted.bytes)).toMatchObject({ note: 'secret words', words: ['secret item'] });
  expect(granted.withheld).toEqual([]);
  expect(granted.egress.map(({ field: name, bytes: size }) => [name, size])).toEqual([
    ['note', 12n],
    ['blob', 12n],
    ['words', 11n],
  ]);
});

test('a message without an origin has no grant; unknown fields are dropped at every depth', () => {
  const method = edgeCapabilities[0].method.read;
  const unknown = [{ no: 99, wireType: 2, data: Buffer.from([6, ...Buffer.from('secret')]) }];
  const message = create(method.output, { text: 'secret', file: { path: 'docs/a.md', $unknown: unknown } });
  message.$unknown = unknown;
  if (message.file) message.file.$unknown = unknown;
  const { bytes } = new Gate(allGrants, roomyDay()).response(method, message, context(new Origins()));
  expect(Buffer.from(bytes).toString('latin1')).not.toContain('secret');
  expect(fromBinary(method.output, bytes).file?.path).toBe('docs/a.md');
});

test('a grant of one file does not cover a message that names another', () => {
  const method = edgeCapabilities[0].method.read;
  const origins = new Origins();
  const message = origins.set(create(method.output, { text: 'secret', file: { path: 'docs/b.md' } }), file);
  expect(
    fromBinary(method.output, new Gate(allGrants, roomyDay()).response(method, message, context(origins)).bytes).text,
  ).toBe('');
});

test('what is listed as withheld does not depend on the content', () => {
  const method = edgeCapabilities[0].method.read;
  const lists = ['', 'x', 'a\n'.repeat(500)].map((text) => {
    const origins = new Origins();
    const value = create(method.output, { text, totalLines: text.length, truncated: text.length > 3, firstLine: 1 });
    return new Gate(noGrants, roomyDay()).response(method, origins.set(value, file), context(origins)).withheld;
  });
  expect(lists[1]).toEqual(lists[0]);
  expect(lists[2]).toEqual(lists[0]);
});

test('a grant that has met its cap lets nothing more out', () => {
  const method = edgeCapabilities[0].method.read;
  let left = 5;
  const grants = {
    ...allGrants,
    spend: (_: string, bytes: number) => {
      left -= bytes;
      return left >= 0;
    },
  };
  const origins = new Origins();
  const message = origins.set(create(method.output, { text: 'too long', totalLines: 1 }), file);
  const { bytes, withheld } = new Gate(grants, roomyDay()).response(method, message, context(origins));
  expect(fromBinary(method.output, bytes)).toMatchObject({ text: '', totalLines: 0 });
  expect(withheld.map(({ field, why }) => `${field} ${withheldWord(why)}`)).toContain('text CAP');
});

const send = (gate: Gate, frame: Parameters<typeof create<typeof ConnectRequestSchema>>[1]) => {
  const bytes = toBinary(ConnectRequestSchema, gate.frame(create(ConnectRequestSchema, frame)));
  return { text: Buffer.from(bytes).toString('latin1'), frame: fromBinary(ConnectRequestSchema, bytes).frame };
};

test('only payloads that the gate made leave in frames', () => {
  const gate = new Gate(noGrants, roomyDay());
  const method = edgeCapabilities[0].method.stat;
  const { bytes: made } = gate.response(
    method,
    create(method.output, { file: { path: 'docs/a.md' } }),
    context(new Origins()),
  );
  const forged = Buffer.from('secret');
  const done = create(ToolDoneSchema, { responses: [forged, made, Buffer.from(made)] });
  const result = send(gate, {
    frame: { case: 'toolResult', value: create(ToolResultSchema, { answer: { case: 'done', value: done } }) },
  });
  expect(result.text).not.toContain('secret');
  if (result.frame.case !== 'toolResult' || result.frame.value.answer.case !== 'done') throw new Error('no result');
  expect(result.frame.value.answer.value.responses).toHaveLength(1);
  const progress = (response: Uint8Array) =>
    send(gate, { frame: { case: 'toolProgress', value: create(ToolProgressSchema, { response }) } }).text;
  expect(progress(forged)).not.toContain('secret');
  expect(progress(made)).toContain('docs/a.md');
});

test('of a failure only the reason and numbers leave', () => {
  const failure = (reason: string) =>
    create(FailureSchema, { reason, code: 5, message: 'secret path', metadata: { file: 'secret' } });
  const text = (reason: string) =>
    send(new Gate(noGrants, roomyDay()), {
      frame: { case: 'toolResult', value: { answer: { case: 'unknown', value: failure(reason) } } },
    }).text;
  expect(text('FILE_NOT_FOUND')).toContain('FILE_NOT_FOUND');
  expect(text('FILE_NOT_FOUND')).not.toContain('secret');
  expect(text('SECRET_INSIDE')).toContain('INTERNAL');
});

test('an ask leaves only after it is in the journal', () => {
  const gate = new Gate(noGrants, roomyDay());
  const ask = create(AskSchema, { run: 'r', text: 'my words' });
  expect(send(gate, { frame: { case: 'ask', value: ask } }).text).not.toContain('my words');
  gate.admitAsk(ask);
  expect(send(gate, { frame: { case: 'ask', value: ask } }).text).toContain('my words');
  const copy: Message = create(AskSchema, { ...ask });
  expect(send(gate, { frame: { case: 'ask', value: copy as typeof ask } }).text).not.toContain('my words');
});

test('what an owner says of the tier of an ask, and which run it asks again, leaves with it', () => {
  const gate = new Gate(noGrants, roomyDay());
  const ask = create(AskSchema, { run: 'r', text: 'my words', tier: 'large', better: true, betterThan: 'r0' });
  gate.admitAsk(ask);
  const { text } = send(gate, { frame: { case: 'ask', value: ask } });
  for (const said of ['large', 'r0']) expect(text).toContain(said);
});
