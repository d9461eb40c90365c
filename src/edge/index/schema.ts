// Tables of the index. Texts that many rows share stand once, in `texts`: the whole database lives in memory. A change
// of anything here raises SCHEMA_VERSION, and older snapshots are rebuilt.

export const SCHEMA_VERSION = 3;

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
    state TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    askedAt INTEGER NOT NULL, endedAt INTEGER, endedIn INTEGER);
  CREATE INDEX runs_request ON runs (requestId);
  CREATE INDEX runs_conversation ON runs (conversation, sequence);
  -- job is empty when it is the key.
  CREATE TABLE calls (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, job TEXT NOT NULL, run INTEGER NOT NULL, method INTEGER NOT NULL,
    state TEXT NOT NULL, boot INTEGER, params BLOB NOT NULL, outcomeIn INTEGER, blob TEXT NOT NULL DEFAULT '',
    settled INTEGER NOT NULL DEFAULT 0, startedAt INTEGER, endedAt INTEGER, expiresAt INTEGER);
  -- job is what follows its run.
  CREATE TABLE ledger (
    sequence INTEGER NOT NULL, line INTEGER NOT NULL, run INTEGER NOT NULL, path INTEGER NOT NULL, job TEXT NOT NULL,
    field INTEGER NOT NULL, sensitivity INTEGER NOT NULL, bytes INTEGER NOT NULL, grantId INTEGER,
    recipients INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (sequence, line)) WITHOUT ROWID;
  CREATE INDEX ledger_run ON ledger (run);
  CREATE INDEX ledger_grant ON ledger (grantId) WHERE grantId IS NOT NULL;
  CREATE TABLE grants (
    id TEXT PRIMARY KEY, run TEXT NOT NULL, paths TEXT NOT NULL, recipients TEXT NOT NULL, capBytes INTEGER NOT NULL,
    sequence INTEGER NOT NULL, mintedAt INTEGER NOT NULL, expiresAt INTEGER, endedAt INTEGER, why TEXT NOT NULL DEFAULT '');
`;

const oldest = (table: string, by: string) =>
  `${by} <= (SELECT ${by} FROM ${table} ORDER BY ${by} LIMIT 1 OFFSET (SELECT count(*) / 4 FROM ${table}))`;

/** What goes first when the index is too large: the oldest quarter of each, never anything that is still open. */
export const SHED = [
  `DELETE FROM ledger WHERE ${oldest('ledger', 'sequence')}`,
  `DELETE FROM calls WHERE state <> 'intent' AND ${oldest('calls', 'id')}`,
  `DELETE FROM runs WHERE endedAt IS NOT NULL AND ${oldest('runs', 'sequence')}`,
  `DELETE FROM grants WHERE endedAt IS NOT NULL AND ${oldest('grants', 'sequence')}`,
  `DELETE FROM texts WHERE id NOT IN (
     SELECT run FROM calls UNION SELECT method FROM calls UNION SELECT boot FROM calls WHERE boot IS NOT NULL
     UNION SELECT run FROM ledger UNION SELECT path FROM ledger UNION SELECT field FROM ledger
     UNION SELECT grantId FROM ledger WHERE grantId IS NOT NULL UNION SELECT recipients FROM ledger)`,
];
