// How rows are removed without anybody waiting for it: on a connection of its own, in short transactions that give up where others hold
// a lock, with pauses that grow with the time that a batch takes. One replica at a time does it; a lock that ends with its connection says which.
import type { ClientBase, PoolClient } from 'pg';
import { type Clock, sleep } from '../../../base/clock.ts';
import { sqlState } from '../../../base/postgres.ts';
import type { Database } from '../database.ts';

/** How many rows go with the next batch. */
export interface Pace {
  readonly rows: number;
  readonly most: number;
}

/** A batch that takes longer than that is made smaller: the database has other work. */
const LONG_MS = 200;
const SHORT_MS = 50;
/** So much goes in any case, or a busy machine would never be done. */
const FEWEST = 500;
const LEAST_PAUSE_MS = 50;
/** Of the time of a batch: so removing takes a third of one connection at most. */
const PAUSE_FACTOR = 2;
const MOST_PAUSE_MS = 1_000;
/** One kind of rows has so long; then the others have their turn, and it goes on in the next round. */
const TURN_MS = 30_000;

/** Of the lock under which one replica removes; any number that nobody else takes. */
const REMOVAL_LOCK = 7_420_000_017;

export const firstPace = (most: number): Pace => ({ rows: Math.min(most, 500), most });

/** The pace after a batch that took so long, and how long to rest before the next. */
export function nextPace({ rows, most }: Pace, tookMs: number): Pace & { readonly pauseMs: number } {
  const next = tookMs > LONG_MS ? rows / 2 : tookMs < SHORT_MS ? rows * 2 : rows;
  return {
    rows: Math.max(Math.min(Math.round(next), most), Math.min(FEWEST, most)),
    most,
    pauseMs: Math.min(Math.max(tookMs * PAUSE_FACTOR, LEAST_PAUSE_MS), MOST_PAUSE_MS),
  };
}

/** What a batch did. */
export interface BatchDone {
  readonly removed: number;
  /** There may be more. */
  readonly more: boolean;
  /** What the next batch needs and no transaction is held for. The next one follows it in any case, or it was for nothing. */
  readonly between?: (() => Promise<void>) | undefined;
}

/** Removes up to so many rows in the transaction of this connection. */
export type RemovalBatch = (client: ClientBase, rows: number) => Promise<BatchDone>;

export interface BatchesOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Rows of one batch at most; default 5,000, on PGlite 1,000, where nothing else runs meanwhile. */
  readonly most?: number | undefined;
}

/** One turn at removing. Made by `removing`. */
export class RemovalBatches {
  readonly #connect: () => Promise<{ client: ClientBase; free: (error?: unknown) => void }>;
  readonly #options: BatchesOptions;
  #pace: Pace;
  #cut = false;

  constructor(
    connect: () => Promise<{ client: ClientBase; free: (error?: unknown) => void }>,
    options: BatchesOptions & { readonly most: number },
  ) {
    this.#connect = connect;
    this.#options = options;
    this.#pace = firstPace(options.most);
  }

  get ended(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  /** Whether there was more to remove than the time of a turn. */
  get cut(): boolean {
    return this.#cut;
  }

  /** Batch after batch until nothing is left to remove, or the turn ends. Returns how many rows were removed. */
  async run(batch: RemovalBatch): Promise<number> {
    let removed = 0;
    const end = this.#options.clock.monotonic() + TURN_MS;
    let prepared = false;
    for (let more = true; more && !this.ended; ) {
      if (this.#options.clock.monotonic() > end && !prepared) {
        this.#cut = true;
        break;
      }
      const begun = this.#options.clock.monotonic();
      const done = await this.#once(batch);
      const { pauseMs, ...pace } = nextPace(this.#pace, this.#options.clock.monotonic() - begun);
      this.#pace = pace;
      removed += done.removed;
      more = done.more;
      prepared = done.between !== undefined;
      await done.between?.();
      if (more) await sleep(this.#options.clock, pauseMs, this.#options.signal);
    }
    return removed;
  }

  async #once(batch: RemovalBatch): Promise<BatchDone> {
    const { client, free } = await this.#connect();
    try {
      await client.query('begin');
      // What is removed again after a crash was not worth waiting for the disk.
      await client.query(
        `set local lock_timeout = '200ms'; set local synchronous_commit = off; set local enable_seqscan = off`,
      );
      const done = await batch(client, this.#pace.rows);
      await client.query('commit');
      free();
      return done;
    } catch (error) {
      const undone = await client.query('rollback').then(
        () => true,
        () => false,
      );
      free(undone ? undefined : error);
      // Somebody works on one of these rows: the next round finds them.
      if (undone && sqlState(error) === '55P03') return { removed: 0, more: false };
      throw error;
    }
  }
}

/** Has its turn at removing, unless another replica has it now; undefined then. */
export async function removing<T>(
  database: Database,
  options: BatchesOptions,
  run: (batches: RemovalBatches) => Promise<T>,
): Promise<T | undefined> {
  if (database.kind === 'pglite') {
    // Its one connection is everybody's, so it is lent for one batch at a time.
    const connect = async () => {
      const client = await database.pool.connect();
      return { client, free: (error?: unknown) => release(client, error) };
    };
    return run(new RemovalBatches(connect, { ...options, most: options.most ?? 1_000 }));
  }
  const client = await database.pool.connect();
  let failed: unknown;
  const note = (error?: unknown) => {
    failed ??= error;
  };
  try {
    const { rows } = await client.query<{ mine: boolean }>('select pg_try_advisory_lock($1) as mine', [REMOVAL_LOCK]);
    if (!rows[0]?.mine) return undefined;
    const connect = async () => ({ client, free: note });
    try {
      return await run(new RemovalBatches(connect, { ...options, most: options.most ?? 5_000 }));
    } finally {
      await client.query('select pg_advisory_unlock($1)', [REMOVAL_LOCK]);
    }
  } catch (error) {
    failed ??= error;
    throw error;
  } finally {
    release(client, failed);
  }
}

/** One whose transaction could not be ended is closed, and with it its lock. */
const release = (client: PoolClient, error: unknown): void => client.release(error !== undefined);

/** A time to keep as a statement is given it: for the database, two thousand years are for ever. */
export const timeInDatabase = (ms: number): number => Math.min(ms, 6e13);
