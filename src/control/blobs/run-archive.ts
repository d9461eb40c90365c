// Ended runs as they lie in the archive: one blob for each, gzip of lines of JSON. The first line says what it is and has the run, then
// come its jobs, one a line, and its events, whole. What is in a file stands in docs/operations.md.
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { AppError } from '../../base/errors.ts';
import { isRecord } from '../../base/is-record.ts';
import type { RunArchive, WholeRun } from '../store/archived-run.ts';
import { archiveOwner } from '../store/removed-runs.ts';
import type { Runs, StoredRun } from '../store/runs.ts';
import type { EventStore, JobRow, LoadedEvent } from '../store/unit.ts';
import type { KeptBlobs } from './kept-blobs.ts';

export interface RunArchiveParts {
  readonly runs: Pick<Runs, 'get' | 'jobs'>;
  /** It gives events whole, also those that lie in blobs. */
  readonly events: Pick<EventStore, 'load'>;
  readonly blobs: Pick<KeptBlobs, 'keep' | 'get' | 'release'>;
}

/** Raised when a reader of today could not read what is written. */
const FORMAT = 1;

const [zip, unzip] = [promisify(gzip), promisify(gunzip)];

export function createRunArchive({ runs, events, blobs }: RunArchiveParts): RunArchive {
  return {
    async write(tenant, id) {
      const run = await runs.get(tenant, id);
      if (!run) throw new AppError('NOT_FOUND', { kind: 'run' });
      const [jobs, loaded] = [await runs.jobs(tenant, id), await events.load(tenant, id)];
      const bytes = await zip(linesOf({ run, jobs, events: loaded.events }));
      const owner = archiveOwner(id);
      // Of a round that did not come to its end.
      await blobs.release(tenant, owner);
      return blobs.keep(tenant, owner, bytes, { held: true });
    },
    async read(tenant, id, sha256) {
      const bytes = await blobs.get({ tenant, sha256 });
      return bytes && ofLines(tenant, id, await textOf(id, bytes));
    },
  };
}

function linesOf({ run, jobs, events }: WholeRun): string {
  const lines = [
    { format: FORMAT, run },
    ...jobs.map((job) => ({ job })),
    ...events.map(({ data, ...rest }) => ({ event: { ...rest, data: Buffer.from(data).toString('base64') } })),
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

async function textOf(run: string, bytes: Uint8Array): Promise<string> {
  try {
    return (await unzip(bytes)).toString('utf8');
  } catch (cause) {
    throw new AppError('ARCHIVE_UNREADABLE', { run, problem: 'it is no gzip' }, { cause });
  }
}

/** The hash was right, so what does not fit was written by another version, or is another run. */
function ofLines(tenant: string, id: string, text: string): WholeRun {
  const [first, ...rest] = text.trimEnd().split('\n').map(recordOf);
  if (first?.format !== FORMAT) {
    throw new AppError('ARCHIVE_UNREADABLE', {
      run: id,
      problem: `its format is not ${FORMAT}; a newer version wrote it`,
    });
  }
  const run = first.run as StoredRun | undefined;
  if (run?.tenant !== tenant || run.id !== id) {
    throw new AppError('ARCHIVE_UNREADABLE', { run: id, problem: 'it is another run' });
  }
  const events = rest.flatMap(({ event }) =>
    isRecord(event) ? [event as unknown as LoadedEvent & { data: string }] : [],
  );
  return {
    run,
    jobs: rest.flatMap(({ job }) => (isRecord(job) ? [job as unknown as JobRow] : [])),
    events: events.map((event) => ({ ...event, data: Buffer.from(event.data, 'base64') })),
  };
}

function recordOf(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
