// Writes docker/k8s/seccomp.json, which nodes of a cluster load, from docker/seccomp.json, which the Docker engine loads. Run it after
// a change of that file: `node scripts/k8s-seccomp.ts`. A test fails while they differ.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Rule {
  readonly names: readonly string[];
  readonly action: string;
  readonly args?: readonly unknown[] | null;
  readonly errnoRet?: number;
  readonly includes?: { readonly caps?: readonly string[]; readonly arches?: readonly string[] };
  readonly excludes?: { readonly caps?: readonly string[]; readonly arches?: readonly string[] };
}

interface DockerProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly syscalls: readonly Rule[];
}

/** Docker's names of the architectures that the images are built for. */
const ARCHES = ['amd64', 'x86', 'x32', 'arm64', 'arm'];

/**
 * The profile as the OCI runtime specification has it. containerd hands the file of a node to the runtime as it is, and a
 * runtime does not know Docker's conditions (`includes`, `excludes`): a rule for a capability would hold without it. So they
 * are decided here, for a container without capabilities on amd64 or arm64.
 */
export function nodeProfile(docker: DockerProfile): object {
  const holds = ({ includes, excludes }: Rule) =>
    !includes?.caps?.length &&
    (!includes?.arches?.length || includes.arches.some((arch) => ARCHES.includes(arch))) &&
    !excludes?.arches?.some((arch) => ARCHES.includes(arch));
  return {
    defaultAction: docker.defaultAction,
    ...(docker.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: docker.defaultErrnoRet }),
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
    syscalls: docker.syscalls.filter(holds).map(({ names, action, args, errnoRet }) => ({
      names,
      action,
      ...(args?.length ? { args } : {}),
      ...(errnoRet === undefined ? {} : { errnoRet }),
    })),
  };
}

/** The text of the file. */
export const nodeProfileText = (docker: string): string =>
  `${JSON.stringify(nodeProfile(JSON.parse(docker)), null, 1)}\n`;

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folder = join(dirname(import.meta.dirname), 'docker');
  writeFileSync(join(folder, 'k8s/seccomp.json'), nodeProfileText(readFileSync(join(folder, 'seccomp.json'), 'utf8')));
}
