// What a worker says that it serves, derived from its handlers and the contract.
import { create } from '@bufbuild/protobuf';
import {
  CapabilitySchema,
  LabelSchema,
  LimitsSchema,
  type Manifest,
  ManifestSchema,
  MethodSchema,
} from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { BUILD } from '../../base/version.ts';
import { capabilityMethods } from '../../contract/registry.ts';
import type { Labels } from '../kit/capability.ts';
import type { Handler } from '../kit/handler.ts';
import type { ServedMethod } from './job.ts';

/** Largest frame that a worker accepts. */
const MAX_FRAME_BYTES = 16 << 20;

/** Served methods by full name: those of the contract that the handlers implement. */
export function servedMethods(handlers: readonly Handler[]): ReadonlyMap<string, ServedMethod> {
  const served = handlers.flatMap((handler) =>
    capabilityMethods([handler.service])
      .filter((method) => handler.methods[method.desc.name] !== undefined)
      .map((method) => [method.fullName, { method, handler }] as const),
  );
  return new Map(served);
}

/** The manifest of a Hello. */
export function manifestOf(
  handlers: readonly Handler[],
  slots: number,
  maxResultBytes: number,
  labels: Labels = {},
): Manifest {
  const served = [...servedMethods(handlers).values()];
  return create(ManifestSchema, {
    build: BUILD,
    capabilities: handlers.map((handler) => {
      const methods = served.filter((s) => s.handler === handler).map((s) => s.method);
      return create(CapabilitySchema, {
        package: handler.package,
        methods: methods.map(({ desc, effect, slots }) => create(MethodSchema, { name: desc.name, effect, slots })),
        ...(methods[0] ? { descriptorSha256: methods[0].descriptorSha256 } : {}),
      });
    }),
    labels: Object.entries(labels).map(([name, value]) => create(LabelSchema, { name, value })),
    limits: create(LimitsSchema, { slots, maxFrameBytes: MAX_FRAME_BYTES, maxResultBytes }),
  });
}
