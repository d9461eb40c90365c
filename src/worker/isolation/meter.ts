// What is known of a running isolated program as a whole. Two ways give it: a cgroup, and a look at its processes.

export interface MeterReading {
  /** Bytes now. A cgroup counts what lies in the program's folder, a look at processes does not. */
  readonly memoryBytes: number;
  /** Milliseconds of all processes so far; undefined where it cannot be told. */
  readonly cpuMs: number | undefined;
  readonly processes: number;
  /** How often the system ended one of them for want of memory. */
  readonly killedForMemory: number;
  /** How often it refused to start one. */
  readonly refusedProcesses: number;
}

export interface Meter {
  /** Whether the memory of all processes together is bounded by the system, not only looked at. */
  readonly bounds: boolean;
  /** Takes in the first process, before the program starts. */
  add(pid: number): Promise<void>;
  read(): Promise<MeterReading>;
  /** Largest memory of all, where the system remembers it. */
  peak(): Promise<number | undefined>;
  /** After the end of the last process. Never throws. */
  close(): Promise<void>;
}
