// What waits for workers in a line for each tenant, so that the first of every tenant are found however many wait.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** A priority counts as so many seconds of waiting. Of a time without a zone, because an index takes nothing that depends on one. */
export const PLACE = "((created_at at time zone 'UTC') - priority * interval '1 second')";

export const fairLines: Pick<Migration, 'up'> = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `create index outbox_lines on outbox (capability, tenant, ${PLACE}, dispatch_id)
        where state = 'ready' and target = 'worker' and holder is null`,
      )
      .execute(db);
  },
};
