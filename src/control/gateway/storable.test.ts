import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { expect, test } from 'vitest';
import { SearchRequestSchema } from '../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { AuditService } from '../../../gen/bowline/control/v1/audit_service_pb.ts';
import { ConversationService } from '../../../gen/bowline/control/v1/conversation_service_pb.ts';
import { DeviceService } from '../../../gen/bowline/control/v1/device_service_pb.ts';
import { PluginService } from '../../../gen/bowline/control/v1/plugin_service_pb.ts';
import { RegistryService } from '../../../gen/bowline/control/v1/registry_service_pb.ts';
import { RunService } from '../../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../../gen/bowline/control/v1/status_service_pb.ts';
import { UsageService } from '../../../gen/bowline/control/v1/usage_service_pb.ts';
import { WorkerPoolService } from '../../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { EnrollmentService } from '../../../gen/bowline/edge/v1/enrollment_pb.ts';
import { mustBeStorable } from './storable.ts';

const SERVICES = [
  ConversationService,
  EnrollmentService,
  DeviceService,
  WorkerPoolService,
  RegistryService,
  StatusService,
  UsageService,
  AuditService,
  PluginService,
  RunService,
];

/** The message once for each of its texts, with that one set to `bad`, as deep as they stand. */
function* spoiled(schema: DescMessage, bad: string, depth = 0): Generator<[string, Message]> {
  if (depth > 3) return;
  for (const field of schema.fields) {
    const message = reflect(schema, create(schema), false);
    const at = (item: unknown): [string, Message] => {
      message.set(field as never, item as never);
      return [field.name, message.message];
    };
    const isText = (field.fieldKind === 'scalar' || field.fieldKind === 'list') && field.scalar === 9;
    if (isText && field.fieldKind === 'scalar') yield at(bad);
    else if (field.fieldKind === 'list' && field.listKind === 'scalar' && isText) {
      message.get(field).add(bad);
      yield [field.name, message.message];
    } else if (field.fieldKind === 'map' && field.mapKey === 9) {
      message
        .get(field)
        .set(bad, (field.mapKind === 'scalar' ? '' : reflect(field.message!, create(field.message!), false)) as never);
      yield [field.name, message.message];
    } else if (field.fieldKind === 'message') {
      for (const [name, inner] of spoiled(field.message, bad, depth + 1)) {
        message.set(field, reflect(field.message, inner as never, false));
        yield [name, message.message];
      }
    }
  }
}

const requests = SERVICES.flatMap((service) => service.methods.map(({ input }) => input));

test('every text of every request of the public API is refused by name when no database can keep it', () => {
  let texts = 0;
  for (const schema of requests) {
    mustBeStorable(schema, create(schema));
    for (const bad of ['a\0b', '\ud800', 'x\udfff']) {
      for (const [name, message] of spoiled(schema, bad)) {
        texts++;
        expect(() => mustBeStorable(schema, message), `${schema.typeName} ${name}`).toThrow(
          new RegExp(`^bowline\\..*\\.${name} holds a NUL or half of a character, which cannot be kept$`),
        );
      }
      for (const [, message] of spoiled(schema, 'á 备份 😀')) mustBeStorable(schema, message);
    }
  }
  expect(texts).toBeGreaterThan(60);
});

test('texts of capabilities pass: they travel as bytes', () => {
  mustBeStorable(SearchRequestSchema, create(SearchRequestSchema, { query: 'a\0b' }));
});
