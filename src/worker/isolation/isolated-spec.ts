// What is run in isolation, within which limits, and how it ended. Data only.
import type { Readable } from 'node:stream';

/** The one folder tree that can be written to inside: in memory, as large as the disk limit. */
export const SCRATCH = '/tmp';

/** The folder in which a program starts; what it leaves there can be looked at after its end. */
export const FOLDER = '/tmp/work';

/** Where `Mount`s of one file or folder may lie; the rest of the root is fixed. */
export const EXTRA = '/opt';

/** All of them end the program when they are met; what it has printed until then is kept. */
export interface IsolatedLimits {
  /** Time by the clock, in milliseconds. */
  readonly wallMs: number;
  /** Time of the processor, all its processes together, in milliseconds. */
  readonly cpuMs: number;
  /** Memory of all its processes together, with what lies in its folder, in bytes. */
  readonly memoryBytes: number;
  /** Processes and threads at once. */
  readonly processes: number;
  /** Bytes of standard output and standard error together. */
  readonly outputBytes: number;
  /** Bytes of everything it writes. */
  readonly diskBytes: number;
}

/** Entries (files, folders, links) in what it writes; more count as the disk limit. */
export const MAX_ENTRIES = 65_536;

export type MetLimit = 'time' | 'cpu' | 'memory' | 'processes' | 'output' | 'disk';

/** A file or folder of this machine, read-only inside. */
export interface Mount {
  readonly from: string;
  /** Absolute, beneath `EXTRA`. */
  readonly to: string;
}

/** A file that lies there when the program starts. */
export interface PlacedFile {
  /** Absolute, beneath `SCRATCH`, without `.` and `..`; folders on the way are made. */
  readonly path: string;
  readonly data: Uint8Array;
}

export interface IsolatedSpec {
  /** The program, an absolute path as it is inside, and its arguments. */
  readonly argv: readonly string[];
  /** All of its environment beside PATH, HOME and LANG. */
  readonly env?: Readonly<Record<string, string>>;
  readonly mounts?: readonly Mount[];
  /** At most 128. */
  readonly files?: readonly PlacedFile[];
  /** A stream goes on being read while the program runs. */
  readonly stdin?: string | Uint8Array | Readable;
  readonly limits: IsolatedLimits;
  /** Sees each piece of output, at most `outputBytes` in all. It must not throw. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', data: Uint8Array) => void;
  /**
   * Looks at what was left in `FOLDER`, given as a path of this process, after every process in there has ended: nothing changes
   * any more. Links in it point wherever the program wanted.
   */
  readonly afterwards?: (folder: string) => Promise<void>;
}

export interface IsolatedEnd {
  /** -1 when a signal ended it. */
  readonly code: number;
  /** E.g. `SIGKILL`; empty when none ended it. A program that exits with 128 and n is told as ended by signal n, as shells do. */
  readonly signal: string;
  /** The limit that ended it. */
  readonly limit: MetLimit | undefined;
  readonly wallMs: number;
  /** Undefined where it cannot be told. */
  readonly cpuMs: number | undefined;
  readonly peakMemoryBytes: number | undefined;
  /** Whether output was dropped. */
  readonly truncated: boolean;
}
