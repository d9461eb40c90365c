// The open database of retrieval: the one way to it is a transaction in the name of a tenant.
import type { Kysely, Transaction } from 'kysely';
import { sql } from 'kysely';
import type pg from 'pg';
import { asStoreError, sqlFailure } from '../../../../base/sql-failure.ts';
import type { RetrievalSchema } from './schema.ts';

/** A transaction in the name of a tenant. */
export interface TenantTransaction {
  readonly trx: Transaction<RetrievalSchema>;
  readonly tenant: string;
  /** Whether it runs on PGlite. */
  readonly embedded: boolean;
}

/** How often a transaction that lost a race is run. */
const ATTEMPTS = 5;

export class PassageDatabase {
  readonly #db: Kysely<RetrievalSchema>;
  readonly #pool: pg.Pool;
  /** Whether it is PGlite: one connection, and nothing runs beside anything. */
  readonly embedded: boolean;
  /** Call it once, when nothing is asked any more. */
  readonly close: () => Promise<void>;

  constructor(
    db: Kysely<RetrievalSchema>,
    pool: pg.Pool,
    { embedded, close }: { readonly embedded: boolean; readonly close: () => Promise<void> },
  ) {
    this.#db = db;
    this.#pool = pool;
    this.embedded = embedded;
    this.close = close;
  }

  /**
   * Runs in one transaction, again when it lost a race: what it does beside the database must be safe to repeat. `look` sees one
   * moment of the database and changes nothing. Throws STORE_UNAVAILABLE, STORE_REFUSED, and AppErrors of `run`.
   */
  async within<T>(tenant: string, kind: 'look' | 'change', run: (scope: TenantTransaction) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const begin = this.#db.transaction();
        const started =
          kind === 'look'
            ? begin.setIsolationLevel('repeatable read').setAccessMode('read only')
            : begin.setIsolationLevel('read committed');
        return await started.execute(async (trx) => {
          await sql`select set_config('bowline.tenant', ${tenant}, true)`.execute(trx);
          return run({ trx, tenant, embedded: this.embedded });
        });
      } catch (error) {
        if (sqlFailure(error) !== 'again' || attempt === ATTEMPTS) throw asStoreError(error);
      }
    }
  }

  /** A connection of its own for what cannot run in a transaction. On PGlite it is the only one. */
  async alone<T>(run: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw asStoreError(error);
    });
    try {
      const done = await run(client);
      client.release();
      return done;
    } catch (error) {
      // It may still hold settings or locks of its session.
      client.release(true);
      throw asStoreError(error);
    }
  }
}
