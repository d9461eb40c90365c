// Tables of the index. A change of anything here raises SCHEMA_VERSION, and older snapshots are rebuilt.

export const SCHEMA_VERSION = 1;

export const PRAGMAS = `
  PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -256;
`;

export const SCHEMA = `
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA user_version = ${SCHEMA_VERSION};
  CREATE TABLE meta (journal TEXT NOT NULL, sequence INTEGER NOT NULL, head BLOB NOT NULL);
  CREATE TABLE runs (
    sequence INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, conversation TEXT NOT NULL, requestId TEXT NOT NULL,
    state TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    askedAt INTEGER NOT NULL, endedAt INTEGER, endedIn INTEGER);
  CREATE INDEX runs_request ON runs (requestId);
  CREATE INDEX runs_conversation ON runs (conversation, sequence);
  CREATE TABLE calls (
    key TEXT PRIMARY KEY, job TEXT NOT NULL, run TEXT NOT NULL, method TEXT NOT NULL, state TEXT NOT NULL,
    bootId TEXT NOT NULL DEFAULT '', params TEXT NOT NULL DEFAULT '', sequence INTEGER NOT NULL, outcomeIn INTEGER,
    blob TEXT NOT NULL DEFAULT '', settled INTEGER NOT NULL DEFAULT 0, startedAt INTEGER, endedAt INTEGER,
    expiresAt INTEGER) WITHOUT ROWID;
  CREATE INDEX calls_sequence ON calls (sequence);
  CREATE INDEX calls_run ON calls (run, sequence);
  CREATE TABLE ledger (
    sequence INTEGER NOT NULL, line INTEGER NOT NULL, run TEXT NOT NULL, job TEXT NOT NULL, path TEXT NOT NULL,
    field TEXT NOT NULL, sensitivity INTEGER NOT NULL, bytes INTEGER NOT NULL, grantId TEXT NOT NULL,
    recipients TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (sequence, line)) WITHOUT ROWID;
  CREATE INDEX ledger_run ON ledger (run, sequence);
  CREATE INDEX ledger_grant ON ledger (grantId) WHERE grantId <> '';
  CREATE TABLE grants (
    id TEXT PRIMARY KEY, run TEXT NOT NULL, paths TEXT NOT NULL, recipients TEXT NOT NULL, capBytes INTEGER NOT NULL,
    sequence INTEGER NOT NULL, mintedAt INTEGER NOT NULL, expiresAt INTEGER, endedAt INTEGER, why TEXT NOT NULL DEFAULT '');
  CREATE TABLE summaries (path TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL);
`;

/** What goes first when the index is too large: the oldest of each, never anything that is still open. */
export const SHED = [
  `DELETE FROM summaries WHERE path IN (SELECT path FROM summaries ORDER BY at LIMIT (SELECT count(*) / 4 + 1 FROM summaries))`,
  `DELETE FROM ledger WHERE sequence <= (SELECT sequence FROM ledger ORDER BY sequence LIMIT 1 OFFSET (SELECT count(*) / 4 FROM ledger))`,
  `DELETE FROM calls WHERE state <> 'intent' AND sequence <= (SELECT sequence FROM calls ORDER BY sequence LIMIT 1 OFFSET (SELECT count(*) / 4 FROM calls))`,
  `DELETE FROM runs WHERE endedAt IS NOT NULL AND sequence <= (SELECT sequence FROM runs ORDER BY sequence LIMIT 1 OFFSET (SELECT count(*) / 4 FROM runs))`,
  `DELETE FROM grants WHERE endedAt IS NOT NULL AND sequence <= (SELECT sequence FROM grants ORDER BY sequence LIMIT 1 OFFSET (SELECT count(*) / 4 FROM grants))`,
];
