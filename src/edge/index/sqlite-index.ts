// The index over the journal, on sql.js: answers queries from its tables, sheds the oldest rows when it is too large, writes its
// snapshot. The journal is the truth: an index may miss what is old, and is never asked whether something happened (CallBook and AskBook
// know that).
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { EgressSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { LedgerLine, LedgerPage } from '../journal/ledger-lines.ts';
import type { Entry, Fold } from '../journal/records.ts';
import { applyEntry } from './apply-entry.ts';
import type { IndexRow, SqlDatabase } from './database.ts';
import { SHED } from './schema.ts';

export interface SqliteIndexParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Most bytes of the database. */
  readonly maxBytes: number;
  /** A snapshot is written after so many records, or after `idleRecords` when `idleMs` brought no more. */
  readonly everyRecords: number;
  readonly idleRecords: number;
  readonly idleMs: number;
  /** Makes the snapshot's bytes durable. */
  readonly save: (bytes: Uint8Array) => Promise<void>;
  /** Where the journal stands: a snapshot is only taken when the index has seen all of it. */
  readonly position: () => { readonly id: string; readonly sequence: number; readonly hash: Uint8Array };
}

/** How many records between two looks at the size. */
const LOOK_EVERY = 256;

/** A run of an ask, also when it ended. */
export interface IndexedRun {
  readonly run: string;
  readonly conversation: string;
  /** Record of its ask. */
  readonly sequence: number;
  /** Record with the whole outcome; null when there is none. */
  readonly endedIn: number | null;
}

export class SqliteIndex implements Fold {
  readonly #db: SqlDatabase;
  readonly #parts: SqliteIndexParts;
  #sequence: number;
  #ledgerFrom: number;
  #dirty = 0;
  /** Changes so far, and how many there were when the size was last looked at. */
  #seen = 0;
  #looked = 0;
  #saving: Promise<void> | undefined;
  #stopTimer: (() => void) | undefined;
  #closed = false;

  /** @param at the last record that `db` has seen, and from where on it has all lines of the ledger */
  constructor(db: SqlDatabase, at: { sequence: number; ledgerFrom: number }, parts: SqliteIndexParts) {
    this.#db = db;
    this.#sequence = at.sequence;
    this.#ledgerFrom = at.ledgerFrom;
    this.#parts = parts;
  }

  /** The last record it has seen. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Lines of this record and of all later ones are in the index; of earlier ones some may have gone. */
  get ledgerFrom(): number {
    return this.#ledgerFrom;
  }

  apply(entry: Entry): void {
    this.applyAll([entry]);
  }

  /** Records before this one are no longer in the journal, and were not seen. */
  beginsAt(sequence: number): void {
    if (sequence > this.#sequence + 1) this.#ledgerFrom = sequence;
  }

  /** Entries in order, in one transaction. */
  applyAll(entries: readonly Entry[]): void {
    const fresh = entries.filter((entry) => entry.sequence > this.#sequence);
    if (this.#closed || fresh.length === 0) return;
    this.#sequence = fresh.at(-1)!.sequence;
    if (!this.#write(fresh)) for (const entry of fresh) this.#write([entry]);
    this.#changed(fresh.length);
  }

  run(run: string): IndexedRun | undefined {
    return this.#db.all(`${RUNS} WHERE run = ?`, [run]).map(indexedRun)[0];
  }

  /** The run of an owner's request. */
  runOfRequest(requestId: string): IndexedRun | undefined {
    if (!requestId) return undefined;
    return this.#db.all(`${RUNS} WHERE requestId = ? ORDER BY sequence LIMIT 1`, [requestId]).map(indexedRun)[0];
  }

  /** Lines from `ledgerFrom` on. */
  ledger(page: LedgerPage): LedgerLine[] {
    const { sequence, line } = page.before ?? { sequence: Number.MAX_SAFE_INTEGER, line: 0 };
    const sql = `${LEDGER} WHERE (sequence, line) < (?, ?) ${page.run === undefined ? '' : `AND run = ${TEXT_ID}`}
      ORDER BY sequence DESC, line DESC LIMIT ?`;
    const params = page.run === undefined ? [sequence, line, page.limit] : [sequence, line, page.run, page.limit];
    return this.#db.all(sql, params).map(ledgerRow);
  }

  /** Writes `state.db` now, if something changed. Failures are logged: the file is only a shortcut. */
  async snapshot(): Promise<void> {
    await this.#saving;
    if (this.#closed || this.#dirty === 0) return;
    const { id, sequence, hash } = this.#parts.position();
    if (sequence !== this.#sequence) return; // In the middle of a batch; the next occasion comes.
    this.#dirty = 0;
    this.#shed();
    this.#db.transaction(() => {
      this.#db.run(`DELETE FROM meta`);
      this.#db.run(`INSERT INTO meta (journal, sequence, head, ledgerFrom) VALUES (?, ?, ?, ?)`, [
        id,
        sequence,
        hash,
        this.#ledgerFrom,
      ]);
    });
    const bytes = this.#db.export();
    if (bytes.length > this.#parts.maxBytes) {
      this.#parts.log.warn('the index is too large for a snapshot and will be rebuilt', { bytes: bytes.length });
      return;
    }
    this.#saving = this.#parts
      .save(bytes)
      .catch((error: unknown) => this.#parts.log.warn('no snapshot of the index', { problem: String(error) }))
      .finally(() => {
        this.#saving = undefined;
      });
    await this.#saving;
  }

  /** Writes the snapshot and frees the memory. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#stopTimer?.();
    await this.snapshot();
    this.#closed = true;
    this.#db.close();
  }

  /** The journal has it, so a record that cannot be indexed is logged and must not stop the edge. */
  #write(entries: readonly Entry[]): boolean {
    const last = entries.length === 1;
    try {
      this.#db.transaction(() => {
        for (const entry of entries) applyEntry(this.#db, entry);
      });
      return true;
    } catch (error) {
      if (last) this.#parts.log.error('a record could not be indexed', error, { sequence: entries[0]?.sequence });
      return last;
    }
  }

  #changed(records: number): void {
    this.#dirty += records;
    this.#seen += records;
    if (this.#seen - this.#looked >= LOOK_EVERY) this.#shed();
    if (this.#dirty < this.#parts.everyRecords) this.#watch();
    else if (!this.#saving) void this.snapshot();
  }

  /** One timer at a time: when it fires and nothing came since it was set, the edge is idle. */
  #watch(): void {
    if (this.#stopTimer) return;
    const before = this.#seen;
    this.#stopTimer = this.#parts.clock.after(this.#parts.idleMs, () => {
      this.#stopTimer = undefined;
      if (this.#closed || this.#dirty === 0) return;
      if (this.#seen !== before) this.#watch();
      else if (this.#dirty >= this.#parts.idleRecords) void this.snapshot();
    });
  }

  #shed(): void {
    this.#looked = this.#seen;
    const limit = this.#parts.maxBytes * 0.75;
    if (this.#db.size() <= limit) return;
    for (let round = 0; round < 16 && this.#db.size() > limit * 0.8; round++) {
      this.#db.transaction(() => {
        for (const sql of SHED) this.#db.run(sql);
      });
      const oldest = this.#db.get('SELECT min(sequence) AS sequence FROM ledger')?.sequence;
      this.#ledgerFrom = Math.max(this.#ledgerFrom, numberOrNull(oldest) ?? this.#sequence + 1);
    }
    this.#parts.log.warn(
      'the index is at its limit; its oldest rows went (the journal and the archive of the ledger have them)',
      {
        bytes: this.#db.size(),
      },
    );
  }
}

const text = (column: string) => `(SELECT text FROM texts WHERE id = ${column}) AS ${column}Text`;
const TEXT_ID = '(SELECT id FROM texts WHERE text = ?)';
const RUNS = 'SELECT run, conversation, sequence, endedIn FROM runs';
const LEDGER = `SELECT *, ${text('run')}, ${text('path')}, ${text('field')}, ${text('grantId')}, ${text('recipients')} FROM ledger`;

const numberOrNull = (value: unknown) => (value === null || value === undefined ? null : Number(value));

const indexedRun = (row: IndexRow): IndexedRun => ({
  run: String(row.run),
  conversation: String(row.conversation),
  sequence: Number(row.sequence),
  endedIn: numberOrNull(row.endedIn),
});

function ledgerRow(row: IndexRow): LedgerLine {
  const run = String(row.runText);
  const job = String(row.job);
  const egress = create(EgressSchema, {
    path: String(row.pathText),
    field: String(row.fieldText),
    sensitivity: Number(row.sensitivity) as Sensitivity,
    bytes: BigInt(Number(row.bytes)),
    grant: String(row.grantIdText ?? ''),
    run,
    job: job.startsWith('/') ? run + job : job,
    createTime: timestampFromMs(Number(row.at)),
    recipients: JSON.parse(String(row.recipientsText)) as string[],
  });
  return { sequence: Number(row.sequence), line: Number(row.line), egress };
}
