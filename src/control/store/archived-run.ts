// The port to the archive of runs that were removed.
import type { StoredRun } from './runs.ts';
import type { JobRow, LoadedEvent } from './unit.ts';

export interface WholeRun {
  readonly run: StoredRun;
  readonly jobs: readonly JobRow[];
  readonly events: readonly LoadedEvent[];
}

export interface RunArchive {
  /** Writes the run as it is now, in the place of what was written of it before; returns the hash of the blob. Durable when it returns. */
  write(tenant: string, run: string): Promise<string>;
  /** Undefined when the bytes are gone. Throws BLOB_DAMAGED, ARCHIVE_UNREADABLE. */
  read(tenant: string, run: string, sha256: string): Promise<WholeRun | undefined>;
}
