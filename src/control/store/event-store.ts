// The event store on a pg pool: flushes batches, retries and splits what fails, and asks the inbox. It owns no timers,
// queues or leases, and knows no event by meaning.
import type { Pool } from 'pg';
import { fullJitter } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { sleep, systemClock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { sqlFailure, storeError } from '../../base/sql-failure.ts';
import { checkUnit, encodeMoney, encodeUnits, isCharged, unitBytes, unitKeys } from './commit-encode.ts';
import { BUDGET_COMMIT_SQL, COMMIT_SQL, type CommitAnswer, type UnfitUnit } from './commit-sql.ts';
import { type EntryResult, GroupCommit } from './group-commit.ts';
import type { CommitResult, CommitUnit, EventStore, LoadedEvent } from './unit.ts';

/** What the store uses of an open database (see `Database`). */
export interface EventStoreDatabase {
  readonly pool: Pick<Pool, 'query'>;
  readonly commitPool: Pick<Pool, 'query'>;
  readonly flushes: number;
}

export interface EventStoreOptions {
  readonly clock?: Clock;
  /** How long a commit is tried again while the database does not answer; default 30 s. */
  readonly giveUpMs?: number;
  /** How long a read waits for its answer before it is sent again on another connection; default 8 s. */
  readonly readTimeoutMs?: number;
  /** How long after it ended without a word a dispatch keeps what is reserved for it, in milliseconds; default 10 minutes. */
  readonly lapseMs?: number;
  /** Units of one statement; default 256. */
  readonly maxBatch?: number;
  /** Units that may wait; default 10,000 (and 256 MB). */
  readonly maxWaiting?: number;
}

/** A read whose connection broke is sent again for so long: a database that restarts is there again within seconds. */
const READ_AGAIN_MS = 5_000;

/** How often a unit alone is sent whose failure is unclear, before it is given back to its caller: others wait behind it. */
const UNCLEAR_TRIES = 3;

export class PgEventStore implements EventStore {
  readonly #database: EventStoreDatabase;
  readonly #clock: Clock;
  readonly #giveUpMs: number;
  readonly #readTimeoutMs: number;
  readonly #lapseMs: number;
  readonly #group: GroupCommit<CommitUnit, CommitResult>;
  readonly #closing = new AbortController();
  /** When the last commit met a database that takes none; nothing since one was taken. Monotonic milliseconds. */
  #refusedAt: number | undefined;

  constructor(database: EventStoreDatabase, options: EventStoreOptions = {}) {
    this.#database = database;
    this.#clock = options.clock ?? systemClock;
    this.#giveUpMs = options.giveUpMs ?? 30_000;
    this.#readTimeoutMs = options.readTimeoutMs ?? 8_000;
    this.#lapseMs = options.lapseMs ?? 600_000;
    this.#group = new GroupCommit({
      flush: (batch) => this.#flush(batch),
      keys: unitKeys,
      bytes: unitBytes,
      flushes: database.flushes,
      maxBatch: options.maxBatch ?? 256,
      maxBytes: 8 << 20,
      maxWaiting: options.maxWaiting ?? 10_000,
      maxWaitingBytes: 256 << 20,
    });
  }

  async commit(unit: CommitUnit): Promise<CommitResult> {
    checkUnit(unit);
    return this.#group.submit(unit);
  }

  /** Whether the last commit was not taken, less than `ms` ago, for a reason that meets every commit alike. */
  fails(ms: number): boolean {
    return this.#refusedAt !== undefined && this.#clock.monotonic() - this.#refusedAt < ms;
  }

  async outcome(tenant: string, source: string, commandId: string): Promise<Uint8Array | undefined> {
    const { rows } = await this.#read<{ outcome: Uint8Array }>(
      'inbox_outcome',
      'select outcome from inbox where tenant = $1 and source = $2 and command_id = $3',
      [tenant, source, commandId],
    );
    return rows[0]?.outcome;
  }

  async load(tenant: string, stream: string, after = 0): Promise<{ version: number; events: LoadedEvent[] }> {
    const { rows } = await this.#read<{ head: number; version: number | null; type: string; data: Buffer; at: number }>(
      'stream_load',
      `select s.version as head, e.version, e.type, e.data, (extract(epoch from e.at) * 1000)::bigint as at
       from streams s left join events e on e.tenant = s.tenant and e.stream = s.id and e.version > $3
       where s.tenant = $1 and s.id = $2 order by e.version`,
      [tenant, stream, after],
    );
    const events: LoadedEvent[] = [];
    for (const { version, type, data, at } of rows) if (version !== null) events.push({ version, type, data, at });
    return { version: rows[0]?.head ?? 0, events };
  }

  /** Takes nothing new, finishes what was submitted; what cannot reach the database is given up at once. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#group.close();
  }

  async #read<Row extends object>(name: string, text: string, values: unknown[]): Promise<{ rows: Row[] }> {
    const statement = { name, text, values, query_timeout: this.#readTimeoutMs };
    const end = this.#clock.monotonic() + Math.min(this.#giveUpMs, READ_AGAIN_MS);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#database.pool.query<Row>(statement);
      } catch (error) {
        const kind = sqlFailure(error);
        // Once more in any case: a connection that hung has used up the time by itself.
        const over = this.#closing.signal.aborted || (attempt > 1 && this.#clock.monotonic() >= end);
        if (over || kind === 'refused' || kind === 'slow') throw storeError(error);
        await sleep(this.#clock, fullJitter(attempt, 20, 500), this.#closing.signal);
      }
    }
  }

  async #flush(batch: readonly CommitUnit[]): Promise<readonly EntryResult<CommitResult>[]> {
    const end = this.#clock.monotonic() + this.#giveUpMs;
    for (let attempt = 1; ; attempt++) {
      try {
        const results = await this.#execute(batch);
        this.#refusedAt = undefined;
        return results.map((ok) => ({ ok }));
      } catch (error) {
        const kind = sqlFailure(error);
        if (kind === 'unreachable') this.#refusedAt = this.#clock.monotonic();
        const over = this.#closing.signal.aborted || this.#clock.monotonic() >= end;
        // A lost race is run again as it is a few times; whatever else hits one unit must not hit its neighbours.
        const split = kind === 'refused' || kind === 'slow' || kind === 'unclear' || (kind === 'again' && attempt >= 3);
        if (split && batch.length > 1) {
          const half = batch.length >> 1;
          const first = await this.#flush(batch.slice(0, half));
          return [...first, ...(await this.#flush(batch.slice(half)))];
        }
        const givenBack = kind === 'refused' || (kind === 'unclear' && attempt >= UNCLEAR_TRIES);
        if (givenBack || over) return batch.map(() => ({ error: storeError(error) }));
        const wait = kind === 'unreachable' ? fullJitter(attempt, 50, 2000) : fullJitter(attempt, 2, 100);
        await sleep(this.#clock, wait, this.#closing.signal);
      }
    }
  }

  // All units go together or none, so what does not fit is taken out and the others are sent again. What a budget has no room for beside
  // others may have it alone.
  async #execute(batch: readonly CommitUnit[]): Promise<CommitResult[]> {
    const results = new Map<CommitUnit, CommitResult>();
    const crowded = new Set<CommitUnit>();
    const isOpen = (unit: CommitUnit) => !results.has(unit) && !crowded.has(unit);
    for (let open = batch; open.length > 0; open = open.filter(isOpen)) {
      const { rows } = await this.#database.commitPool.query<CommitAnswer>(statement(open, this.#lapseMs));
      const { at, unfit, over } = rows[0]!;
      if (unfit) for (const each of unfit) results.set(open[each.unit - 1]!, resultOf(each));
      else if (over && open.length > 1) for (const { unit } of over) crowded.add(open[unit - 1]!);
      else if (over) results.set(open[0]!, { status: 'over', over });
      else for (const unit of open) results.set(unit, { status: 'committed', at });
    }
    for (const unit of crowded) results.set(unit, (await this.#execute([unit]))[0]!);
    return batch.map((unit) => results.get(unit)!);
  }
}

function resultOf({ outcome, fenced }: UnfitUnit): CommitResult {
  if (outcome !== null) return { status: 'duplicate', outcome: Buffer.from(outcome, 'hex') };
  return { status: fenced ? 'fenced' : 'conflict' };
}

/** What cannot be made a statement is no fault of the database, and never will be one. */
function statement(batch: readonly CommitUnit[], lapseMs: number) {
  try {
    const values: (Buffer | number)[] = encodeUnits(batch);
    if (!batch.some(isCharged)) return { name: 'bowline_commit_3', text: COMMIT_SQL, values };
    values.push(...encodeMoney(batch), lapseMs);
    return { name: 'bowline_commit_budget_1', text: BUDGET_COMMIT_SQL, values };
  } catch (cause) {
    throw new AppError('STORE_REFUSED', { problem: 'it cannot be encoded' }, { cause });
  }
}
