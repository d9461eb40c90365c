// Finds capability methods by any of their names. Knows only the services it is given.
import { createHash } from 'node:crypto';
import { type DescMethod, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Effect } from '../../gen/bowline/policy/v1/options_pb.ts';
import { AppError } from '../base/errors.ts';
import { effectOf, isIdempotent, slotsOf } from './policy.ts';

/** One callable method. */
export interface CapabilityMethod {
  /** `bowline.capability.fs.v1` */
  readonly package: string;
  readonly service: DescService;
  readonly desc: DescMethod;
  /** `bowline.capability.fs.v1.FsService/Read` */
  readonly fullName: string;
  /** `fs.Read` */
  readonly shortName: string;
  /** `fs_read` */
  readonly toolName: string;
  readonly effect: Effect;
  readonly idempotent: boolean;
  /** Slots of a worker that a call takes, unless its manifest says otherwise. */
  readonly slots: number;
  /** Whether the response is streamed. */
  readonly streaming: boolean;
  /** SHA-256 of the file descriptor it was compiled from; for a plugin, of the descriptor set that its owner added. */
  readonly descriptorSha256: Uint8Array;
  /** Absent for what is compiled in. */
  readonly plugin?: PluginStanding;
}

/** What the owner of a plugin says of it. Its contract's own words are claims. */
export interface PluginStanding {
  /** Whose it is. */
  readonly tenant: string;
  readonly effect: Effect;
  readonly idempotent: boolean;
  /** What it answers is as good as the owner's own words. */
  readonly trusted: boolean;
  readonly digest: Uint8Array;
}

/** Every method of the services that can be called with one request: unary and server-streaming ones. */
export function capabilityMethods(services: readonly DescService[]): CapabilityMethod[] {
  return services.flatMap((service) => {
    const descriptorSha256 = createHash('sha256')
      .update(toBinary(FileDescriptorProtoSchema, service.file.proto))
      .digest();
    const pkg = service.file.proto.package;
    const capability = pkg.split('.').at(-2) ?? pkg;
    return service.methods
      .filter((desc) => desc.methodKind === 'unary' || desc.methodKind === 'server_streaming')
      .map((desc) => ({
        package: pkg,
        service,
        desc,
        fullName: `${service.typeName}/${desc.name}`,
        shortName: `${capability}.${desc.name}`,
        toolName: `${capability}_${snake(desc.name)}`,
        effect: effectOf(desc),
        idempotent: isIdempotent(desc),
        slots: slotsOf(desc),
        streaming: desc.methodKind === 'server_streaming',
        descriptorSha256,
      }));
  });
}

/** The methods of a plugin's service: by its contract, but with the effect that its owner states. */
export const pluginMethods = (service: DescService, plugin: PluginStanding): CapabilityMethod[] =>
  capabilityMethods([service]).map((method) => ({
    ...method,
    // Names of tools and short names are those of Bowline's own: a plugin's are told apart by its whole package.
    shortName: `${method.package}.${method.desc.name}`,
    toolName: `${method.package.replace(/\W/g, '_')}_${snake(method.desc.name)}`.slice(-64),
    effect: plugin.effect,
    idempotent: plugin.idempotent,
    descriptorSha256: plugin.digest,
    plugin,
  }));

/** Methods by name: those compiled in, and those of plugins as they are now. */
export class MethodRegistry {
  readonly #builtIn: readonly CapabilityMethod[];
  #all: readonly CapabilityMethod[] = [];
  #byFullName: ReadonlyMap<string, CapabilityMethod> = new Map();

  constructor(services: readonly DescService[]) {
    this.#builtIn = capabilityMethods(services);
    this.setPlugins([]);
  }

  /** Every method that is known now. */
  get all(): readonly CapabilityMethod[] {
    return this.#all;
  }

  /** Those compiled in, and those of the tenant's plugins. */
  allFor(tenant: string): CapabilityMethod[] {
    return this.#all.filter(({ plugin }) => !plugin || plugin.tenant === tenant);
  }

  /** From now on these are the methods of plugins. */
  setPlugins(methods: readonly CapabilityMethod[]): void {
    this.#all = [...this.#builtIn, ...methods];
    this.#byFullName = new Map(this.#all.map((method) => [method.fullName, method]));
  }

  byFullName(name: string): CapabilityMethod | undefined {
    return this.#byFullName.get(name);
  }

  /**
   * Accepts `fs.Read`, `fs/read`, `FsService/Read`, `fs_read` and the full name, without regard to case. Throws
   * METHOD_UNKNOWN with the names there are.
   */
  resolve(name: string): CapabilityMethod {
    const wanted = name.toLowerCase();
    const found = this.all.find((method) => namesOf(method).includes(wanted));
    if (found) return found;
    throw new AppError('METHOD_UNKNOWN', {
      method: name.slice(0, 200),
      known: this.all.map((m) => m.shortName).join(', '),
    });
  }
}

function namesOf(method: CapabilityMethod): string[] {
  const short = method.shortName.toLowerCase();
  const full = method.fullName.toLowerCase();
  const service = `${method.service.name}/${method.desc.name}`.toLowerCase();
  return [
    short,
    short.replace('.', '/'),
    full,
    full.replace('/', '.'),
    service,
    service.replace('/', '.'),
    method.toolName,
  ];
}

const snake = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
