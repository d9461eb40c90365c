// What an operator may set for the sandbox, with its defaults.

/** Bounds of a worker; a request may lower the first six for itself. */
export interface SandboxSettings {
  /** Time by the clock, in milliseconds; default one minute. */
  readonly wallMs: number;
  /** Time of the processor, all processes together, in milliseconds; default one minute. */
  readonly cpuMs: number;
  /** Memory of all processes together with the files in the program's folder, in bytes; default 512 MiB. */
  readonly memoryBytes: number;
  /** Processes and threads at once; default 64. */
  readonly processes: number;
  /** Bytes of both output streams together; default 1 MiB, the most that fits into a result beside the files. */
  readonly outputBytes: number;
  /** Bytes of the program's folder, which is in memory; default 64 MiB. */
  readonly diskBytes: number;
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
  outputBytes: 1 << 20,
  diskBytes: 64 << 20,
  returnedBytes: 2.5 * (1 << 20),
  returnedFiles: 64,
  bubblewrap: undefined,
  cgroup: undefined,
};
