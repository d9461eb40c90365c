// The tools that a run asked from a device may use: what the device's manifest declares and this build knows.
import { create, fromBinary } from '@bufbuild/protobuf';
import { type OfferedTool, OfferedToolSchema, TargetKind } from '../../../gen/bowline/event/v1/event_pb.ts';
import { type Manifest, ManifestSchema } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { MethodRegistry } from '../../contract/registry.ts';
import type { Devices } from '../identity/devices.ts';

/** Tools by the manifest of the device's session or, when it is away, of its last one. */
export async function offeredTools(
  parts: { devices: Devices; methods: MethodRegistry; live: (tenant: string, device: string) => Manifest | undefined },
  tenant: string,
  device: string,
): Promise<OfferedTool[]> {
  if (device === '') return [];
  const manifest = parts.live(tenant, device) ?? (await stored(parts.devices, tenant, device));
  const declared = new Set(
    (manifest?.capabilities ?? []).flatMap(({ package: pkg, methods }) => methods.map(({ name }) => `${pkg}/${name}`)),
  );
  return parts.methods
    .allFor(tenant)
    .filter((method) => declared.has(`${method.package}/${method.desc.name}`))
    .map((method) =>
      create(OfferedToolSchema, {
        name: method.toolName,
        method: method.fullName,
        descriptorHash: method.descriptorHash,
        effect: method.effect,
        target: TargetKind.DEVICE,
      }),
    );
}

async function stored(devices: Devices, tenant: string, device: string): Promise<Manifest | undefined> {
  try {
    const { manifest } = await devices.byId(tenant, device);
    return manifest ? fromBinary(ManifestSchema, manifest) : undefined;
  } catch (error) {
    // A device that was removed meanwhile offers nothing; its run goes on without tools.
    if (error instanceof AppError && error.reason === 'NOT_FOUND') return undefined;
    throw error;
  }
}
