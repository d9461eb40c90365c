// Changes that were asked for with a request id: each is made once, and a repeat is answered as the first was. The note stands in the
// inbox and is written in the transaction of the change itself, so neither is there without the other.
import { createHash } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { inStore, sqlFailure } from '../../base/sql-failure.ts';
import type { Schema } from './schema.ts';

/** One request as its caller named it. */
export interface RequestRef {
  readonly tenant: string;
  /** Whose id it is: that of another caller, or of another method, is another. */
  readonly principal: string;
  readonly method: string;
  /** Empty: it has no id, and a repeat is a new request. */
  readonly id: string;
  /** What was asked for. The same id with another body is refused. */
  readonly body: Uint8Array;
}

/** Times that a transaction is tried which lost a race. */
const MAX_TRIES = 5;
const DIGEST_BYTES = 32;

export class Requests {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** What a request was answered with that was made before; undefined when it was not. Throws REQUEST_ID_REUSED. */
  async answered(request: RequestRef): Promise<Uint8Array | undefined> {
    if (request.id === '') return undefined;
    return inStore(() => known(this.#db, request));
  }

  /**
   * Makes the change in one transaction with the note of its response, or gives the response of the first time. What `change` throws
   * undoes both. Throws REQUEST_ID_REUSED.
   */
  async once(request: RequestRef, change: (trx: Transaction<Schema>) => Promise<Uint8Array>): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#db.transaction().execute((trx) => within(trx, request, change));
      } catch (error) {
        if (error instanceof AppError) throw error;
        if (sqlFailure(error) !== 'again' || attempt === MAX_TRIES) return inStore(() => Promise.reject(error));
      }
    }
  }
}

async function within(
  trx: Transaction<Schema>,
  request: RequestRef,
  change: (trx: Transaction<Schema>) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  if (request.id === '') return change(trx);
  const digest = digestOf(request);
  // A second one at the same time waits here for the first.
  const mine = await trx
    .insertInto('inbox')
    .values({ ...keyOf(request), stream: '', outcome: digest })
    .onConflict((conflict) => conflict.doNothing())
    .returning('at')
    .executeTakeFirst();
  if (!mine) {
    const before = await known(trx, request);
    if (!before) throw new AppError('STORE_UNAVAILABLE', { problem: 'a request was noted and is not there' });
    return before;
  }
  const response = await change(trx);
  const { tenant, source, command_id } = keyOf(request);
  await trx
    .updateTable('inbox')
    .set({ outcome: Buffer.concat([digest, response]) })
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('command_id', '=', command_id)
    .execute();
  return response;
}

async function known(db: Kysely<Schema>, request: RequestRef): Promise<Uint8Array | undefined> {
  const { tenant, source, command_id } = keyOf(request);
  const row = await db
    .selectFrom('inbox')
    .select('outcome')
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('command_id', '=', command_id)
    .executeTakeFirst();
  if (!row) return undefined;
  if (Buffer.compare(row.outcome.subarray(0, DIGEST_BYTES), digestOf(request)) !== 0)
    throw new AppError('REQUEST_ID_REUSED', { id: request.id });
  return row.outcome.subarray(DIGEST_BYTES);
}

const keyOf = ({ tenant, principal, method, id }: RequestRef) => ({
  tenant,
  source: `${principal} ${method}`,
  command_id: id,
});

const digestOf = ({ body }: RequestRef): Buffer => createHash('sha256').update(body).digest();
