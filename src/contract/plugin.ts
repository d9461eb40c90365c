// Reads the contract of a plugin from its descriptor set and judges whether it can be one. What the contract says of its own
// effects is a claim and is not read here.
import { createHash } from 'node:crypto';
import {
  createFileRegistry,
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { AppError } from '../base/errors.ts';

/** The contract of a plugin. */
export interface PluginContract {
  readonly package: string;
  readonly service: DescService;
  /** SHA-256 of the descriptor set. */
  readonly digest: Uint8Array;
}

/** Packages whose services no plugin may bring. */
const RESERVED = /^(bowline|google|grpc|buf)(\.|$)/;

const PACKAGE = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/;

/** Methods of one service. */
const MAX_METHODS = 64;

/** The one service of a serialized google.protobuf.FileDescriptorSet. Throws PLUGIN_INVALID that says what to do. */
export function readPlugin(descriptorSet: Uint8Array): PluginContract {
  const services = filesOf(descriptorSet).flatMap((file) =>
    RESERVED.test(file.proto.package) ? [] : file.services.map((service) => service),
  );
  const [service, second] = services;
  if (!service) throw invalid('it holds no service outside of bowline, google, grpc and buf');
  if (second) throw invalid(`it holds several services (${service.typeName}, ${second.typeName}); a plugin is one`);
  const name = service.file.proto.package;
  if (!PACKAGE.test(name) || name.length > 128)
    throw invalid(`its package ${JSON.stringify(name.slice(0, 128))} is no name like example.words.v1`);
  const methods = service.methods.filter(isCallable);
  if (methods.length === 0) throw invalid(`${service.typeName} has no method that takes one request`);
  if (service.methods.length > MAX_METHODS) throw invalid(`${service.typeName} has more than ${MAX_METHODS} methods`);
  return { package: name, service, digest: createHash('sha256').update(descriptorSet).digest() };
}

const isCallable = (method: DescMethod): boolean =>
  method.methodKind === 'unary' || method.methodKind === 'server_streaming';

function filesOf(descriptorSet: Uint8Array): DescFile[] {
  try {
    const files = [...createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet)).files];
    // Names of messages that are missing come to light when they are looked at.
    for (const file of files) for (const service of file.services) for (const each of service.methods) touch(each);
    return files;
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message.slice(0, 200) : 'it is no descriptor set';
    throw new AppError(
      'PLUGIN_INVALID',
      { problem: `${problem}; build it with \`buf build --as-file-descriptor-set -o plugin.binpb\`, imports included` },
      { cause },
    );
  }
}

function touch({ input, output }: DescMethod): DescMessage[] {
  return [input, output];
}

const invalid = (problem: string): AppError => new AppError('PLUGIN_INVALID', { problem });
