// Opens the index: from the snapshot where the journal holds exactly its head, else from the whole journal.
import type { SqlJsStatic } from 'sql.js';
import { breath } from '../../base/breath.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { FsPort } from '../journal/fs-port.ts';
import { nodeFs } from '../journal/node-fs.ts';
import type { Entry } from '../journal/records.ts';
import { SqlDatabase } from './database.ts';
import { SCHEMA, SCHEMA_VERSION } from './schema.ts';
import { readSnapshot, writeSnapshot } from './snapshot-file.ts';
import { SqliteIndex } from './sqlite-index.ts';

export interface OpenIndexOptions {
  readonly sql: SqlJsStatic;
  /** Path of `state.db`. */
  readonly path: string;
  readonly journal: EdgeJournal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly fs?: FsPort;
  /** Most bytes of the database and of its snapshot; from three quarters on the oldest rows go. Default 4 MiB. */
  readonly maxBytes?: number;
  /** Default 5000 records. */
  readonly everyRecords?: number;
  /** Defaults 200 records and 30 s. */
  readonly idleRecords?: number;
  readonly idleMs?: number;
}

/** Records of one turn while it catches up: SQLite in WebAssembly that is not optimized takes a third of a millisecond for each. */
const PIECE = 32;
/** No snapshot is larger, whatever is asked for. */
const MOST_BYTES = 8 << 20;

/** The index, up to date with the journal and following it from now on. */
export async function openIndex(options: OpenIndexOptions): Promise<SqliteIndex> {
  const { journal, clock, log, path } = options;
  const fs = options.fs ?? nodeFs;
  const maxBytes = Math.min(options.maxBytes ?? 4 << 20, MOST_BYTES);
  const bytes = await readSnapshot(fs, path, maxBytes);
  const loaded = bytes && (await load(options.sql, bytes, journal));
  if (bytes && !loaded) log.info('the index does not fit the journal and is rebuilt');
  const index = new SqliteIndex(loaded?.db ?? empty(options.sql), loaded ?? { sequence: 0, ledgerFrom: 1 }, {
    clock,
    log,
    maxBytes,
    everyRecords: options.everyRecords ?? 5000,
    idleRecords: options.idleRecords ?? 200,
    idleMs: options.idleMs ?? 30_000,
    save: (snapshot) => writeSnapshot(fs, path, snapshot),
    position: () => ({ id: journal.id, ...journal.head }),
  });
  // What is appended while it catches up is read in the next round; the last look and `follow` are in one tick.
  do {
    const from = Math.max(index.sequence + 1, journal.firstSequence);
    index.beginsAt(from);
    const batch: Entry[] = [];
    for await (const entry of journal.entries(from)) {
      batch.push(entry);
      if (batch.length < PIECE) continue;
      index.applyAll(batch.splice(0));
      await breath();
    }
    index.applyAll(batch);
  } while (index.sequence < journal.head.sequence);
  journal.follow(index);
  return index;
}

function empty(sql: SqlJsStatic): SqlDatabase {
  const db = new SqlDatabase(sql);
  db.exec(SCHEMA);
  return db;
}

/** The snapshot's database, if it is sound, of this version, and of a head that the journal holds. */
async function load(
  sql: SqlJsStatic,
  bytes: Uint8Array,
  journal: EdgeJournal,
): Promise<{ db: SqlDatabase; sequence: number; ledgerFrom: number } | undefined> {
  let db: SqlDatabase | undefined;
  try {
    db = new SqlDatabase(sql, bytes);
    if (
      db.get('PRAGMA user_version')?.user_version === SCHEMA_VERSION &&
      db.get('PRAGMA quick_check')?.quick_check === 'ok'
    ) {
      const meta = db.get('SELECT journal, sequence, head, ledgerFrom FROM meta');
      if (meta?.journal === journal.id && meta.head instanceof Uint8Array) {
        const sequence = Number(meta.sequence);
        if (await journal.holds({ sequence, hash: meta.head }))
          return { db, sequence, ledgerFrom: Number(meta.ledgerFrom) };
      }
    }
  } catch {
    // Whatever is wrong with it: it is only a shortcut.
  }
  try {
    db?.close();
  } catch {
    // A file that is no database cannot always be closed.
  }
  return undefined;
}
