// The tools that a run may use: what the manifest of its device declares, and what workers serve for its tenant and this
// build knows.
import { create, fromBinary } from '@bufbuild/protobuf';
import { type OfferedTool, OfferedToolSchema, TargetKind } from '../../../gen/bowline/event/v1/event_pb.ts';
import { type Manifest, ManifestSchema } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { AppError } from '../../base/errors.ts';
import { isTool } from '../../contract/policy.ts';
import type { CapabilityMethod, MethodRegistry } from '../../contract/registry.ts';
import type { ConnectedWorker } from '../dispatch/session-ports.ts';
import type { Devices } from '../identity/devices.ts';
import { SEARCH_METHOD } from '../orchestrator/run/method-names.ts';
import type { WantedTools } from '../orchestrator/service/run-decisions.ts';
import { misfit } from '../routing/fit.ts';
import { serves, type WorkerView } from '../routing/worker-view.ts';

export interface OfferedToolsParts {
  readonly devices: Devices;
  readonly methods: MethodRegistry;
  readonly live: (tenant: string, device: string) => Manifest | undefined;
  /** Workers of all replicas that may work for the tenant. */
  readonly workers: (tenant: string) => readonly ConnectedWorker[];
  /** Declared pools that have no worker yet. */
  readonly starting: () => readonly WorkerView[];
}

/** Tools of a request to a model, by its contract. */
const MAX_TOOLS = 128;

/**
 * Of the device by the manifest of its session or, when it is away, of its last one; of workers by those that are here and may
 * see what the run holds. A search in collections only where there are some.
 */
export async function toolsOfNewRun(parts: OfferedToolsParts, wanted: WantedTools): Promise<OfferedTool[]> {
  const tools = [
    ...(await ofDevice(parts, wanted.tenant, wanted.device)).map((method) => offered(method, TargetKind.DEVICE)),
    ...ofWorkers(parts, wanted).map((method) => offered(method, TargetKind.WORKER)),
  ];
  // Of two with one name a model could not choose.
  return tools.filter(({ name }, at) => tools.findIndex((each) => each.name === name) === at).slice(0, MAX_TOOLS);
}

async function ofDevice(parts: OfferedToolsParts, tenant: string, device: string): Promise<CapabilityMethod[]> {
  if (device === '') return [];
  const manifest = parts.live(tenant, device) ?? (await stored(parts.devices, tenant, device));
  if (!manifest) return [];
  const declared = declaredBy(manifest);
  return parts.methods.allFor(tenant).filter((method) => declared.get(method.package)?.has(method.desc.name));
}

/** By the manifest of a session, which never changes. */
const declarations = new WeakMap<Manifest, ReadonlyMap<string, ReadonlySet<string>>>();

/** Names of methods by package. */
function declaredBy(manifest: Manifest): ReadonlyMap<string, ReadonlySet<string>> {
  let known = declarations.get(manifest);
  if (!known) {
    const all = new Map<string, Set<string>>();
    for (const { package: pkg, methods } of manifest.capabilities) {
      const names = all.get(pkg) ?? new Set();
      for (const { name } of methods) names.add(name);
      all.set(pkg, names);
    }
    known = all;
    declarations.set(manifest, known);
  }
  return known;
}

function ofWorkers(
  { methods, workers, starting }: OfferedToolsParts,
  { tenant, recipients, collections }: WantedTools,
) {
  const connected = workers(tenant).flatMap((worker) => (worker.draining ? [] : [worker.view()]));
  const present = [...connected, ...starting().filter((pool) => serves(pool, tenant))];
  if (present.length === 0) return [];
  return methods.allFor(tenant).filter(({ desc, fullName, package: capability, slots }) => {
    if (!isTool(desc) || (fullName === SEARCH_METHOD && !collections)) return false;
    const need = { capability, method: desc.name, tenant, selector: {}, recipients, slots };
    return present.some((worker) => !misfit(need, worker)?.permanent);
  });
}

/** By target: what is offered of a method never changes. */
const offers = new WeakMap<CapabilityMethod, Map<TargetKind, OfferedTool>>();

function offered(method: CapabilityMethod, target: TargetKind): OfferedTool {
  const known = offers.get(method) ?? new Map<TargetKind, OfferedTool>();
  offers.set(method, known);
  let tool = known.get(target);
  if (!tool) {
    const { toolName: name, fullName, descriptorSha256, effect } = method;
    tool = create(OfferedToolSchema, { name, method: fullName, descriptorSha256, effect, target });
    known.set(target, tool);
  }
  return tool;
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
