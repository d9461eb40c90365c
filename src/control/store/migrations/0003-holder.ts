// Which replica alone may send a dispatch to a worker. A lease only says that a replica lives; what it holds stands at the
// dispatches.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  `alter table outbox add column holder text`,
  `drop index outbox_worker`,
  // What waits for a worker, in the order in which it is given out.
  `create index outbox_free on outbox (capability, priority desc, created_at, dispatch_id)
    where state = 'ready' and target = 'worker' and holder is null`,
  `create index outbox_held on outbox (holder) where holder is not null`,
  `alter table lease drop column in_flight`,
];

export const holder: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
