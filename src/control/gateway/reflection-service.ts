// The two reflection services over one Reflector; v1alpha has the same messages under another package name.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import {
  type ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../../../gen/grpc/reflection/v1/reflection_pb.ts';
import {
  ServerReflectionRequestSchema as AlphaRequestSchema,
  ServerReflectionResponseSchema as AlphaResponseSchema,
  type ServerReflection as ServerReflectionAlpha,
} from '../../../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { ownerOf } from './call-principal.ts';
import type { Reflector } from './reflection.ts';

export function reflectionService(reflectors: (tenant: string) => Reflector): ServiceImpl<typeof ServerReflection> {
  return { serverReflectionInfo: (requests, context) => answers(reflectors, requests, context) };
}

export function reflectionAlphaService(
  reflectors: (tenant: string) => Reflector,
): ServiceImpl<typeof ServerReflectionAlpha> {
  return {
    async *serverReflectionInfo(requests, context) {
      const same = async function* () {
        for await (const request of requests) {
          yield fromBinary(
            ServerReflectionRequestSchema,
            toBinary(AlphaRequestSchema, create(AlphaRequestSchema, request)),
          );
        }
      };
      for await (const response of answers(reflectors, same(), context)) {
        yield fromBinary(AlphaResponseSchema, toBinary(ServerReflectionResponseSchema, response));
      }
    },
  };
}

async function* answers(
  reflectors: (tenant: string) => Reflector,
  requests: AsyncIterable<ServerReflectionRequest>,
  context: HandlerContext,
): AsyncGenerator<ServerReflectionResponse> {
  const { tenant } = ownerOf(context);
  for await (const request of requests) yield reflectors(tenant).answer(request);
}
