// Opens the store: the database with its tables, the clock that follows it, and the event store with its witness.
import { join } from 'node:path';
import { homePaths } from '../../base/home.ts';
import { type BlobBackend, createBlobStore } from '../../control/blobs/blob-store.ts';
import { databaseBlobs } from '../../control/blobs/database-blobs.ts';
import { folderBlobs } from '../../control/blobs/folder-blobs.ts';
import { createKeptBlobs, type KeptBlobs } from '../../control/blobs/kept-blobs.ts';
import { largeEvents } from '../../control/blobs/large-events.ts';
import { createRunArchive } from '../../control/blobs/run-archive.ts';
import { openS3Blobs } from '../../control/blobs/s3-blobs.ts';
import { writeAudit } from '../../control/ledger/audit.ts';
import type { RunArchive } from '../../control/store/archived-run.ts';
import { CommitWitness } from '../../control/store/commit-witness.ts';
import { type Database, openDatabase } from '../../control/store/database.ts';
import { DATABASE_TIME } from '../../control/store/database-clock.ts';
import { PgEventStore } from '../../control/store/event-store.ts';
import { createLeases, type Leases } from '../../control/store/leases.ts';
import { migrate } from '../../control/store/migrate.ts';
import { createRuns, type Runs } from '../../control/store/runs.ts';
import { createSetAside, type SetAside } from '../../control/store/set-aside.ts';
import type { EventStore } from '../../control/store/unit.ts';
import { watchDisk } from '../disk-watch.ts';
import type { Ground } from './options.ts';

export interface Store {
  readonly database: Database;
  readonly events: EventStore;
  readonly blobs: KeptBlobs;
  /** Of runs that were removed. */
  readonly archive: RunArchive;
  /** Knows which commits were acknowledged, so that a database that went back is seen. */
  readonly witness: CommitWitness;
  readonly leases: Leases;
  readonly runs: Runs;
  readonly setAside: SetAside;
  /** Whether a commit was not taken within this time, and none since. */
  refusesCommits(withinMs: number): boolean;
  /** The disk of an embedded database where it has too little room, and who hears when that changes. */
  readonly disk: DiskState;
}

/** Throws DATABASE_UNUSABLE, DATABASE_NEWER, BLOB_STORE_AWAY, BLOB_STORE_UNUSABLE, S3_MISSING, CANCELED. */
export async function openStore(ground: Ground): Promise<Store> {
  const { clock, life } = ground;
  const disk = new DiskState();
  const database = await openWithClock(ground, disk);
  await database.patiently(migrate);
  ground.onDatabase?.(database);
  const pg = new PgEventStore(database, { clock, lapseMs: ground.config.budgetLapseMs });
  life.onStop('event store', () => pg.close());
  const witness = new CommitWitness(database.db, clock, ground.config.keepCommandsMs);
  const leases = createLeases(database.db);
  const blobs = createKeptBlobs(database.db, createBlobStore(...(await blobBackends(ground, database))));
  const events = largeEvents(ground.wrapStore?.(pg) ?? pg, {
    blobs,
    bytes: ground.config.blobBytes,
    allKnow: (version) => leases.allKnow(version),
    log: ground.log,
  });
  const runs = createRuns(database.db);
  return {
    database,
    events: witness.of(events),
    blobs,
    archive: createRunArchive({ runs, events, blobs }),
    witness,
    leases,
    runs,
    setAside: createSetAside(database.db, (trx, entry) => writeAudit(trx, [entry])),
    disk,
    refusesCommits: (withinMs) => pg.fails(withinMs),
  };
}

/** The one that is written to, then those that may have payloads from before. */
async function blobBackends(ground: Ground, { db }: Database): Promise<[BlobBackend, ...BlobBackend[]]> {
  const { blobStore, blobFolder } = ground.config;
  const all: BlobBackend[] = [];
  if (blobFolder !== undefined) all.push(await folderBlobs(blobFolder));
  if (ground.config.s3Bucket !== undefined) all.push(await openBucket(ground, ground.config.s3Bucket));
  const database = databaseBlobs(db);
  all.push(database);
  const first = all.find(({ kind }) => kind === blobStore) ?? database;
  return [first, ...all.filter((each) => each !== first)];
}

async function openBucket({ config, home, life, log }: Ground, bucket: string): Promise<BlobBackend> {
  const { s3Endpoint: endpoint, s3Region: region, s3Prefix: prefix, s3HostStyle: hostStyle } = config;
  const opened = await openS3Blobs({ bucket, endpoint, region, prefix, hostStyle }, homePaths(home).s3);
  life.onStop('client of S3', opened.close);
  // It may come back; until then large events are committed whole.
  if (opened.away) log.warn('the bucket of large payloads does not answer', { why: String(opened.away) });
  return opened.backend;
}

export class DiskState {
  short: { readonly folder: string; readonly free: number } | undefined;
  #changed: () => void = () => {};

  set(short: DiskState['short']): void {
    this.short = short;
    this.#changed();
  }

  onChange(changed: () => void): void {
    this.#changed = changed;
  }
}

async function openWithClock(
  { home, config, clock, life, log, progress, signal }: Ground,
  disk: DiskState,
): Promise<Database> {
  const folder = homePaths(home).control;
  const database = await openDatabase(config.databaseUrl?.reveal() ?? { embedded: join(folder, 'pg') }, {
    maxConnections: config.maxConnections,
    statementTimeoutMs: config.statementTimeoutMs,
    connectTimeoutMs: config.connectTimeoutMs,
    embeddedCacheBytes: config.embeddedCacheBytes,
    clock,
    onWaiting: (problem) => progress(`waiting for the database: ${problem}`),
    onTrouble: (problem) => log.warn('trouble with the database', { problem }),
    ...(signal ? { signal } : {}),
  });
  life.onStop('database', () => database.close());
  if (database.kind === 'postgres') {
    const time = async () => Number((await database.pool.query(DATABASE_TIME)).rows[0]?.ms);
    await clock.measure(time).catch(() => {});
    life.onStop('clock', clock.follow(time, log));
  } else {
    const say = (what: string, shortOf: number | undefined) => {
      progress(what);
      if (shortOf === undefined) log.info(what);
      else log.warn(what);
      disk.set(shortOf === undefined ? undefined : { folder, free: shortOf });
    };
    life.onStop('disk watch', watchDisk({ folder, clock, say }));
  }
  return database;
}
