// Keeps the write-ahead log of the embedded database short. PGlite has no process beside it that would: without this the log grows until
// the program ends well, and after a kill all of it is replayed. Sent over the one connection, so that it is between two transactions.
import type { Pool } from 'pg';
import { type Clock, systemClock } from '../clock.ts';
import { every } from '../every.ts';
import { sqlProblem } from '../postgres.ts';

/** How much of the log may have to be replayed, and how often that is looked at. The log is that long, and what is written between two looks. */
const MOST_BYTES = 32 << 20;
const LOOK_MS = 30_000;

/** What may lie on the disk of it, for the engine: segments beyond it are removed by a checkpoint. */
export const LOG_SETTINGS = { max_wal_size: '48MB', min_wal_size: '32MB' } as const;

const GROWN_SQL = `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::float8 as bytes from pg_control_checkpoint()`;
/** The session may have another role than that of the database's owner. */
const CHECKPOINT_SQL = 'begin; set local role none; checkpoint; commit';

export interface CheckpointOptions {
  readonly clock?: Clock;
  /** Default 32 MiB. */
  readonly mostBytes?: number;
  /** Hears of a look that failed, in words; the next one is as if nothing had been. */
  readonly onTrouble: (problem: string) => void;
}

/** Returns how to stop; a look under way goes on. */
export function keepLogShort(pool: Pick<Pool, 'query'>, options: CheckpointOptions): () => void {
  const { clock = systemClock, mostBytes = MOST_BYTES, onTrouble } = options;
  const look = async () => {
    const { rows } = await pool.query<{ bytes: number }>(GROWN_SQL);
    if ((rows[0]?.bytes ?? 0) > mostBytes) await pool.query(CHECKPOINT_SQL);
  };
  return every(clock, LOOK_MS, look, (error) => onTrouble(`its log could not be shortened: ${sqlProblem(error)}`));
}
