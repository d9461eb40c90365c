// Rules of the contracts that buf has none for: storage does not import the wire, one service a file, lists come in pages, reads
// say that they have no side effects, and a name tells what it holds. Each rule is shown a contract that breaks it.
import { create, createFileRegistry, type DescField, type DescFile, type DescMethod } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  file_google_protobuf_duration,
  file_google_protobuf_timestamp,
  MethodOptions_IdempotencyLevel,
} from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { contractFiles } from './descriptors.ts';

const files = await contractFiles();

/** Kept for ever. What they import is kept, too. */
const STORED = /^bowline\.(event|journal)\./;
/** Lives as long as a stream, a request or a message of the bus. */
const WIRE = /^bowline\.(edge|worker|control|local|bus|capability)\./;

interface Imports {
  readonly name: string;
  readonly package: string;
  readonly dependency: readonly string[];
}

const importsOf = ({ proto }: DescFile): Imports => proto;

function wireInStorage(all: readonly Imports[]): string[] {
  const byName = new Map(all.map((file) => [`${file.name}`.replace(/\.proto$/, ''), file]));
  const seen = new Set<string>();
  const wrong: string[] = [];
  const visit = (file: Imports) => {
    if (seen.has(file.name)) return;
    seen.add(file.name);
    for (const path of file.dependency) {
      const next = byName.get(path.replace(/\.proto$/, ''));
      if (!next) continue;
      if (WIRE.test(next.package)) wrong.push(`${file.package} imports ${next.package}`);
      visit(next);
    }
  };
  for (const file of all) if (STORED.test(file.package)) visit(file);
  return wrong;
}

test('nothing that is kept imports the wire', () => {
  expect(files.filter(({ proto }) => STORED.test(proto.package)).length).toBeGreaterThan(1);
  expect(wireInStorage(files.map(importsOf))).toEqual([]);
  const planted = (from: string) =>
    files
      .map(importsOf)
      .map((file) =>
        file.package === from ? { ...file, dependency: [...file.dependency, 'bowline/edge/v1/edge.proto'] } : file,
      );
  expect(wireInStorage(planted('bowline.event.v1'))).toEqual(['bowline.event.v1 imports bowline.edge.v1']);
  // Also by way of what is imported.
  expect(wireInStorage(planted('bowline.run.v1'))).toEqual(['bowline.run.v1 imports bowline.edge.v1']);
});

test('a file has one service at most', () => {
  const crowded = (all: readonly Pick<DescFile, 'name' | 'services'>[]) =>
    all.filter(({ services }) => services.length > 1).map(({ name }) => name);
  expect(crowded(files)).toEqual([]);
  const { services } = files.find((file) => file.services.length === 1)!;
  expect(crowded([{ name: 'planted', services: [...services, ...services] }])).toEqual(['planted']);
});

const methods = files.flatMap(({ services }) => services.flatMap((service) => service.methods));

/** Methods whose names say that they look and change nothing. */
const LOOKS = /^(Get|List|Watch|Search|Read|Stat|Explain|Verify|Follow|Fetch|Crawl|Query|Preview)(?![a-z])/;

const wrongLevels = (all: readonly DescMethod[]): string[] =>
  all.flatMap(({ name, parent, idempotency }) => {
    const says = idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    return says === LOOKS.test(name) ? [] : [`${parent.typeName}/${name}`];
  });

test('what only looks says that it has no side effects, and nothing else does', () => {
  expect(methods.length).toBeGreaterThan(40);
  expect(wrongLevels(methods)).toEqual([]);
  const [look, change] = [
    methods.find(({ name }) => name === 'GetRun')!,
    methods.find(({ name }) => name === 'CancelRun')!,
  ];
  expect(wrongLevels([{ ...look, idempotency: change.idempotency } as DescMethod])).toHaveLength(1);
  expect(wrongLevels([{ ...change, idempotency: look.idempotency } as DescMethod])).toHaveLength(1);
});

const unpaged = (all: readonly DescMethod[]): string[] =>
  all
    .filter(({ name }) => /^(List|Search)/.test(name))
    .filter(({ input, output }) => {
      const [asks, answers] = [input, output].map((side) => new Map(side.fields.map((field) => [field.name, field])));
      const size = asks!.get('page_size');
      return !(size?.fieldKind === 'scalar') || !asks!.has('page_token') || !answers!.has('next_page_token');
    })
    .map(({ name, parent }) => `${parent.typeName}/${name}`);

test('every list and every search comes in pages', () => {
  expect(unpaged(methods)).toEqual([]);
  const list = methods.find(({ name }) => name === 'ListRuns')!;
  const other = methods.find(({ name }) => name === 'GetRun')!;
  expect(unpaged([{ ...list, input: other.input } as DescMethod])).toEqual(['bowline.control.v1.RunService/ListRuns']);
  expect(unpaged([{ ...list, output: other.output } as DescMethod])).toEqual([
    'bowline.control.v1.RunService/ListRuns',
  ]);
});

const fieldsOf = (all: readonly DescFile[]): DescField[] =>
  all.flatMap(({ messages }) => messages.flatMap((message) => message.fields));

/** What an answer of the owner names: over all that was shown, so that no one part of it gives it a name. */
const OF_ALL_SHOWN = /^bowline\.(approval\.v1\.Approval|local\.v1\.AnsweredApproval)\.digest$/;

/** A point of time, how long to wait, and a digest are told by the name. */
function misnamed(all: readonly DescField[]): string[] {
  return all
    .filter((field) => {
      const { name, message } = field;
      if (message?.typeName === 'google.protobuf.Timestamp') return !/(^|_)time$/.test(name);
      if (/(^|_)time$/.test(name)) return !message?.name.endsWith('Time');
      if (/(^|_)(deadline|ttl_ms|hash|digest)$/.test(name))
        return !OF_ALL_SHOWN.test(`${field.parent.typeName}.${name}`);
      return /(^|_)timeout$/.test(name) && message?.typeName !== 'google.protobuf.Duration';
    })
    .map((field) => `${field.parent.typeName}.${field.name}`);
}

test('a time is called ..._time, a wait timeout, a digest ..._sha256', () => {
  expect(misnamed(fieldsOf(files))).toEqual([]);
  const { OPTIONAL } = FieldDescriptorProto_Label;
  const { MESSAGE, BYTES, UINT32 } = FieldDescriptorProto_Type;
  const field = (number: number, name: string, type: number, typeName = '') => ({
    number,
    name,
    type,
    typeName,
    label: OPTIONAL,
  });
  const planted = createFileRegistry(
    create(FileDescriptorProtoSchema, {
      name: 'planted.proto',
      package: 'planted.v1',
      syntax: 'proto3',
      dependency: ['google/protobuf/duration.proto', 'google/protobuf/timestamp.proto'],
      messageType: [
        {
          name: 'Planted',
          field: [
            field(1, 'deadline', MESSAGE, '.google.protobuf.Duration'),
            field(2, 'at', MESSAGE, '.google.protobuf.Timestamp'),
            field(3, 'head_hash', BYTES),
            field(4, 'timeout', UINT32),
            field(5, 'time', MESSAGE, '.google.protobuf.Duration'),
            field(6, 'create_time', MESSAGE, '.google.protobuf.Timestamp'),
          ],
        },
      ],
    }),
    (path) => [file_google_protobuf_duration, file_google_protobuf_timestamp].find(({ proto }) => proto.name === path),
  );
  expect(misnamed(fieldsOf([...planted.files].filter(({ name }) => name === 'planted')))).toEqual([
    'planted.v1.Planted.deadline',
    'planted.v1.Planted.at',
    'planted.v1.Planted.head_hash',
    'planted.v1.Planted.timeout',
    'planted.v1.Planted.time',
  ]);
});
