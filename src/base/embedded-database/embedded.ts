// The embedded database, seen from the main thread: PGlite in a worker thread behind a unix socket that only this user
// can reach. It owns the folder, its lock and the socket; it sends no SQL.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { AppError } from '../errors.ts';
import { lockHome } from '../home-lock.ts';
import { makeFolder } from '../make-folder.ts';
import { EMBEDDED_CACHE_BYTES } from './embedded-cache.ts';
import type { EmbeddedExtension } from './embedded-messages.ts';
import { EmbeddedThread, type EmbeddedThreadOptions } from './embedded-thread.ts';
import { unfinished, type WantedDatabase } from './make-database.ts';
import { damaged, mustBeWhole } from './whole-folder.ts';

export interface EmbeddedOptions extends EmbeddedThreadOptions {
  /** Whose lock on the folder it is; default `database`. */
  readonly program?: string;
  /** What is lost with it, in words: `runs and devices`. */
  readonly holds: string;
  /** What a first start makes the database of; default: the engine makes it. */
  readonly prepared?: WantedDatabase;
  /** Default: none. */
  readonly extensions?: readonly EmbeddedExtension[];
  /** Pages that it keeps in memory; all of it is used in time, and never given back. Default: EMBEDDED_CACHE_BYTES. */
  readonly cacheBytes?: number;
}

export interface EmbeddedDatabase {
  /** For pg: the folder of the socket, the database and the user. */
  readonly connection: { host: string; database: string; user: string };
  /** Writes a checkpoint and ends the thread. */
  close(): Promise<void>;
}

const SOCKET = '.s.PGSQL.5432';
const PREFIX = 'bowline-db-';

/**
 * Opens (or makes) the database in `dir`. Throws HOME_LOCKED when another process has it, DATABASE_UNUSABLE when it
 * cannot be opened, DISK_FULL where there is no room for it. A thread that dies later is started again on the same socket, with backoff; `onTrouble` hears of it.
 */
export async function startEmbedded(dir: string, options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  makeFolder(dir);
  chmodSync(dir, 0o700);
  const lock = lockHome(dir, options.program ?? 'database');
  let folder: string | undefined;
  const data = join(dir, 'data');
  const first = !existsSync(data);
  const release = () => {
    if (folder) rmSync(folder, { recursive: true, force: true });
    lock.release();
  };
  try {
    mustBeWhole(dir, data, options.holds);
    folder = socketFolder(join(dir, 'socket-folder'));
    const thread = new EmbeddedThread(
      {
        data,
        prepared: options.prepared,
        socket: join(folder, SOCKET),
        extensions: options.extensions ?? [],
        cacheBytes: options.cacheBytes ?? EMBEDDED_CACHE_BYTES,
      },
      options,
    );
    await thread.start();
    return {
      connection: { host: folder, database: 'postgres', user: 'postgres' },
      close: async () => {
        await thread.close();
        release();
      },
    };
  } catch (error) {
    const full = !hasRoom(dir) || (error instanceof AppError && NO_ROOM.test(error.metadata.problem ?? ''));
    const told = first || !(error instanceof AppError) || error.metadata.problem?.includes(dir);
    // What was made and could not be opened is of no use, and would stand in the way of the next start.
    if (first) for (const made of [data, unfinished(data)]) rmSync(made, { recursive: true, force: true });
    release();
    if (full) throw new AppError('DISK_FULL', { what: `the database in ${dir}` }, { cause: error });
    throw told ? error : damaged(dir, error.metadata.problem ?? error.message, options.holds, error);
  }
}

/** A quota may be used up on a disk that has room. */
const NO_ROOM = /\((ENOSPC|EDQUOT)\)$/;

/** What the database needs to open; it says no more than that it aborted where there is less. A new one has some 40 MB. */
const ROOM_BYTES = 64 << 20;

function hasRoom(dir: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize >= ROOM_BYTES;
  } catch {
    return true;
  }
}

// A new private folder each time, so that no stale socket is ever in the way. The note beside the database names it, so
// that the next start removes what a killed process left. Socket paths must stay under 100 bytes.
function socketFolder(note: string): string {
  try {
    const old = readFileSync(note, 'utf8').trim();
    if (basename(old).startsWith(PREFIX)) rmSync(old, { recursive: true, force: true });
  } catch {
    // No note: the last one ended well, or this is the first start.
  }
  const root = Buffer.byteLength(tmpdir()) > 60 ? '/tmp' : tmpdir();
  const folder = mkdtempSync(join(root, PREFIX));
  writeFileSync(note, folder, { mode: 0o600 });
  return folder;
}
