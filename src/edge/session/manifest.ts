// What this edge says of itself: the methods it serves, the owner's allowances by name, its limits.
import { create } from '@bufbuild/protobuf';
import { type Manifest, ManifestSchema } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { Effect, Resource } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { BUILD } from '../../base/version.ts';
import { servableByEdge } from '../../contract/policy.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import type { EdgeConfig } from '../config/edge-config.ts';

/** Names only: paths stay on the box. */
export function edgeManifest(methods: readonly CapabilityMethod[], config: EdgeConfig): Manifest {
  const served = methods.filter((method) => servableByEdge(method.desc));
  const packages = [...new Set(served.map((method) => method.package))];
  return create(ManifestSchema, {
    build: BUILD,
    capabilities: packages.map((name) => {
      const own = served.filter((method) => method.package === name);
      return {
        package: name,
        methods: own.map(({ desc, effect }) => ({ name: desc.name, effect, slots: 1 })),
        ...(own[0] && { descriptorSha256: own[0].descriptorSha256 }),
      };
    }),
    labels: Object.entries(config.labels)
      .slice(0, 64)
      .map(([name, value]) => ({ name, value })),
    limits: {
      slots: config.limits.parallel,
      maxFrameBytes: config.limits.frame_bytes,
      maxResultBytes: config.limits.frame_bytes,
    },
    permissions: permissions(config).slice(0, 256),
  });
}

function permissions(config: EdgeConfig) {
  return [
    ...config.roots
      .filter((root) => root.readable)
      .map(({ name }) => ({ effect: Effect.READ, resource: Resource.PATH, name, confirm: false })),
    ...config.write.map(({ realPath, confirm }) => ({
      effect: Effect.WRITE,
      resource: Resource.PATH,
      name: realPath.slice(realPath.lastIndexOf('/') + 1),
      confirm: confirm !== 'never',
    })),
    ...config.execute.map(({ argv, confirm, preview }) => ({
      effect: Effect.EXECUTE,
      resource: Resource.COMMAND,
      name: argv[0] ?? '',
      confirm: confirm !== 'never',
      preview,
    })),
    ...config.lan.flatMap(({ name, methods, get, confirm }) => {
      const reads = methods.includes('GET') && get === 'read';
      const sends = methods.some((method) => method !== 'GET') || get === 'act';
      const one = { resource: Resource.HOST, name };
      return [
        ...(reads ? [{ ...one, effect: Effect.READ, confirm: false }] : []),
        ...(sends ? [{ ...one, effect: Effect.ACTUATE, confirm: confirm !== 'never' }] : []),
      ];
    }),
  ];
}
