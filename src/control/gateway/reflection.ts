// Server reflection v1 and v1alpha (grpc.io, "gRPC Server Reflection Protocol"): for owners, and only over the services
// it is given. Sessions of edges and workers, and enrolment, are never among them.
import { create, type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../../../gen/grpc/reflection/v1/reflection_pb.ts';

/** Answers reflection queries about the given services and what they are made of. */
export class Reflector {
  readonly #services: readonly string[];
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();

  constructor(services: readonly DescService[]) {
    this.#services = services.map((service) => service.typeName).sort();
    for (const service of services) this.#add(service.file, new Set(services));
  }

  answer(request: ServerReflectionRequest): ServerReflectionResponse {
    const { messageRequest } = request;
    return create(ServerReflectionResponseSchema, {
      validHost: request.host,
      originalRequest: request,
      messageResponse: this.#response(messageRequest),
    });
  }

  #response(query: ServerReflectionRequest['messageRequest']): ServerReflectionResponse['messageResponse'] {
    switch (query.case) {
      case 'listServices':
        return { case: 'listServicesResponse', value: list(this.#services) };
      case 'fileByFilename':
        return this.#file(this.#files.get(query.value.replace(/\.proto$/, '')));
      case 'fileContainingSymbol':
        return this.#file(this.#symbols.get(query.value));
      case 'fileContainingExtension':
      case 'allExtensionNumbersOfType':
        return failure(Code.Unimplemented, 'extensions are not listed');
      default:
        return failure(Code.InvalidArgument, 'the request is empty');
    }
  }

  #file(file: DescFile | undefined): ServerReflectionResponse['messageResponse'] {
    if (!file) return failure(Code.NotFound, 'no such file or symbol here');
    const all = [...closure(file)].map((each) => toBinary(FileDescriptorProtoSchema, each.proto));
    return {
      case: 'fileDescriptorResponse',
      value: { $typeName: 'grpc.reflection.v1.FileDescriptorResponse', fileDescriptorProto: all },
    };
  }

  #add(file: DescFile, served: ReadonlySet<DescService>): void {
    if (this.#files.has(file.name)) return;
    this.#files.set(file.name, file);
    for (const message of file.messages) this.#symbols.set(message.typeName, file);
    for (const enumeration of file.enums) this.#symbols.set(enumeration.typeName, file);
    for (const extension of file.extensions) this.#symbols.set(extension.typeName, file);
    for (const service of file.services) {
      if (!served.has(service)) continue;
      this.#symbols.set(service.typeName, file);
      for (const method of service.methods) this.#symbols.set(`${service.typeName}.${method.name}`, file);
    }
    for (const dependency of file.dependencies) this.#add(dependency, served);
  }
}

function closure(file: DescFile, into = new Set<DescFile>()): Set<DescFile> {
  if (into.has(file)) return into;
  into.add(file);
  for (const dependency of file.dependencies) closure(dependency, into);
  return into;
}

function list(names: readonly string[]) {
  return {
    $typeName: 'grpc.reflection.v1.ListServiceResponse' as const,
    service: names.map((name) => ({ $typeName: 'grpc.reflection.v1.ServiceResponse' as const, name })),
  };
}

function failure(code: Code, errorMessage: string): ServerReflectionResponse['messageResponse'] {
  return {
    case: 'errorResponse',
    value: { $typeName: 'grpc.reflection.v1.ErrorResponse', errorCode: code, errorMessage },
  };
}
