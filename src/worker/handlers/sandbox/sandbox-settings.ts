// What an operator may set for the sandbox, with its defaults.
import type { IsolatedLimits } from '../../isolation/isolated-spec.ts';

/** Bounds of a worker; a request may lower those of a program (the first six defaults) for itself. */
export interface SandboxSettings extends IsolatedLimits {
  /** Bytes of all files that are given back; default 2.5 MiB. */
  readonly returnedBytes: number;
  /** Files that are given back; default 64. */
  readonly returnedFiles: number;
  /** Where bubblewrap is; by default /usr/bin, /usr/local/bin and /bin are looked at. */
  readonly bubblewrap: string | undefined;
  /** A cgroup (version 2) that was made over to the worker; by default the one that it runs in. */
  readonly cgroup: string | undefined;
}

export const SANDBOX_DEFAULTS: SandboxSettings = {
  wallMs: 60_000,
  cpuMs: 60_000,
  memoryBytes: 512 << 20,
  processes: 64,
  // The most that fits into a result beside the files.
  outputBytes: 1 << 20,
  diskBytes: 64 << 20,
  returnedBytes: 2.5 * (1 << 20),
  returnedFiles: 64,
  bubblewrap: undefined,
  cgroup: undefined,
};
