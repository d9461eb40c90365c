// Tables of the index. Texts that many rows share stand once, in `texts`: the whole database lives in memory. A change
// of anything here raises SCHEMA_VERSION, and older snapshots are rebuilt.

export const SCHEMA_VERSION = 4;

export const PRAGMAS = `
  PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -256;
`;

export const SCHEMA = `
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA user_version = ${SCHEMA_VERSION};
  CREATE TABLE meta (journal TEXT NOT NULL, sequence INTEGER NOT NULL, head BLOB NOT NULL,
    ledgerFrom INTEGER NOT NULL);
  CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
  CREATE TABLE runs (
    sequence INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, conversation TEXT NOT NULL, requestId TEXT NOT NULL,
    open INTEGER NOT NULL DEFAULT 1, endedIn INTEGER);
  CREATE INDEX runs_request ON runs (requestId);
  -- job is what follows its run.
  CREATE TABLE ledger (
    sequence INTEGER NOT NULL, line INTEGER NOT NULL, run INTEGER NOT NULL, path INTEGER NOT NULL, job TEXT NOT NULL,
    field INTEGER NOT NULL, sensitivity INTEGER NOT NULL, bytes INTEGER NOT NULL, grantId INTEGER,
    recipients INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (sequence, line)) WITHOUT ROWID;
  CREATE INDEX ledger_run ON ledger (run);
`;

const oldest = (table: string, by: string) =>
  `${by} <= (SELECT ${by} FROM ${table} ORDER BY ${by} LIMIT 1 OFFSET (SELECT count(*) / 4 FROM ${table}))`;

/** What goes first when the index is too large: the oldest quarter of each, never anything that is still open. */
export const SHED = [
  `DELETE FROM ledger WHERE ${oldest('ledger', 'sequence')}`,
  `DELETE FROM runs WHERE open = 0 AND ${oldest('runs', 'sequence')}`,
  `DELETE FROM texts WHERE id NOT IN (
     SELECT run FROM ledger UNION SELECT path FROM ledger UNION SELECT field FROM ledger
     UNION SELECT grantId FROM ledger WHERE grantId IS NOT NULL UNION SELECT recipients FROM ledger)`,
];
